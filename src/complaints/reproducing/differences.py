"""Differences between the outputs of a reproduction and the committed dvc.lock, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.core.dvc_lock import Stage, hash_path, read_lock
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.lock import flatten
from complaints.reproducing.target import overlaps


@dataclass(frozen=True)
class Output:
    """An output whose bytes differ."""

    path: str
    committed: str
    now: str | None
    """DVC's md5, None if the stage did not write it."""


@dataclass(frozen=True)
class StageResult:
    """Comparison of one stage: outputs that differ, and causes outside of the computation."""

    stage: Stage
    """As committed."""
    outputs: tuple[Output, ...]
    inputs: tuple[str, ...]
    """Code, parameters, command and source data that are not those of dvc.lock, in words: the commit holds a dvc.lock
    of other files than its own."""

    @property
    def identical(self) -> bool:
        """Whether the stage wrote the bytes of dvc.lock."""
        return not self.outputs


def compare_stage(committed: Stage, root: Path) -> StageResult:
    """Compare the outputs of a stage in a copy with those in the committed dvc.lock."""
    found = [Output(out.path, out.md5, hash_path(root, out.path)) for out in committed.outs]
    return StageResult(committed, tuple(out for out in found if out.now != out.committed), ())


def with_inputs(results: Sequence[StageResult], root: Path) -> list[StageResult]:
    """Return the results with the inputs that no stage made and that are not those of the committed dvc.lock."""
    lock = read_lock(root / LOCK_FILE)
    made = [out.path for stage in lock.values() for out in stage.outs]
    return [
        StageResult(result.stage, result.outputs, tuple(_inputs(result.stage, lock.get(result.stage.name), made)))
        for result in results
    ]


def _inputs(committed: Stage, now: Stage | None, made: Sequence[str]) -> list[str]:
    """Return the differences of two records of a stage in what it was given."""
    if now is None:
        return [f"dvc.yaml of the commit has no stage {committed.name}"]
    said = [] if now.cmd == committed.cmd else [f"its command is {now.cmd!r}, dvc.lock has {committed.cmd!r}"]
    before, after = (
        {dep.path: dep.md5 for dep in stage.deps if not any(overlaps(dep.path, out) for out in made)}
        for stage in (committed, now)
    )
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            said.append(f"{path} has md5 {after.get(path, 'none')}, dvc.lock has {before.get(path, 'none')}")
    for file in sorted(committed.params.keys() | now.params.keys()):
        old, new = flatten(committed.params.get(file, {})), flatten(now.params.get(file, {}))
        said += [
            f"{key} is {new.get(key)!r}, dvc.lock has {old.get(key)!r}"
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]
    return said
