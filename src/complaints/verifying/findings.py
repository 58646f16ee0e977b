"""Findings: problems that concern one path, the stages and outputs that depend on it, and the command that mends it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from complaints.core.dvc_lock import Stage, is_inside
from complaints.lineage.problems import Problem

OF_WHAT_A_STAGE_WROTE = frozenset(
    {"object", "remote", "rows", "symlink", "checkpoint", "prediction", "signature", "size", "ignored"}
)
"""Kinds of problems of an output alone, not of the stage that made it."""


@dataclass(frozen=True)
class Finding:
    """A broken link."""

    problem: Problem
    """The first of those that concern the path."""
    stages: tuple[str, ...]
    """The stages of the problems."""
    files: tuple[str, ...]
    """What differs in a folder: `changed x`, `added y`, `missing z`; empty for a file and where it is not known."""
    affected: tuple[str, ...]
    """Stages that depend on the path, in the order of the pipeline."""
    outputs: tuple[str, ...]
    """Outputs of the affected stages."""
    mend: str
    """The command that mends it, with a sentence where there is a choice."""


@dataclass(frozen=True)
class Graph:
    """The stages of dvc.yaml, each after those that it depends on."""

    chain: Sequence[Stage]

    def readers(self, path: str) -> list[str]:
        """Return the stages that read a path, a part of it, or a folder that has it."""
        return [
            s.name for s in self.chain if any(is_inside(dep.path, path) or is_inside(path, dep.path) for dep in s.deps)
        ]

    def downstream(self, stages: Iterable[str]) -> tuple[str, ...]:
        """Return stages and all that depend on an output of theirs."""
        affected = set(stages)
        for stage in self.chain:
            if stage.name in affected:
                for out in stage.outs:
                    affected.update(self.readers(out.path))
        return tuple(stage.name for stage in self.chain if stage.name in affected)

    def outputs(self, stages: Iterable[str]) -> tuple[str, ...]:
        """Return the outputs of stages."""
        wanted = set(stages)
        return tuple(out.path for stage in self.chain if stage.name in wanted for out in stage.outs)

    def affected(self, problem: Problem) -> tuple[str, ...]:
        """Return the stages whose outputs depend on what a problem is about."""
        stage = next((stage for stage in self.chain if stage.name == problem.stage), None)
        outs = [out.path for out in stage.outs] if stage else []
        wrote = problem.kind in OF_WHAT_A_STAGE_WROTE
        if wrote or (problem.kind in ("changed", "missing") and problem.path in outs):
            return self.downstream(self.readers(problem.path))
        return self.downstream([problem.stage])


def group(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Return problems of one path and kind together: a changed package is one finding for all stages that read it."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        own = problem.message if problem.kind in ("declaration", "rows", "record", "link", "signature") else ""
        groups.setdefault((problem.kind, problem.path, own), []).append(problem)  # type: ignore[arg-type]
    return list(groups.values())


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return what differs between two listings of a folder, path -> md5."""
    names = sorted(before.keys() | now.keys())
    words = {name: "added" if name not in before else "missing" if name not in now else "changed" for name in names}
    return tuple(f"{words[name]} {name}" for name in names if before.get(name) != now.get(name))
