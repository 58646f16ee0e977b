"""Verification of a chain: dvc.lock compared with dvc.yaml, params.yaml, the workspace and the installed backbones.

The chain is the one that dvc.yaml declares, so that a stage or dependency taken out of dvc.lock is found. A lock,
outputs and dvc.yaml that were all rewritten to agree cannot be told from the original here, only by their git commit.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from complaints.core.dvc_lock import Entry, Stage
from complaints.lineage.chain import chain_of
from complaints.lineage.hashes import Hashes
from complaints.lineage.imports import check_imports
from complaints.lineage.lock import declared_stages
from complaints.lineage.problems import Problem
from complaints.lineage.records import Backbones, check_records

ABSENT = object()
SHOWN_CHARACTERS = 100


def _check_paths(name: str, noun: str, locked: Iterable[Entry], declared: Iterable[Entry]) -> list[Problem]:
    """Check that the dependencies or outputs (`noun`) of a stage in dvc.lock are those in dvc.yaml."""
    listed, expected = {entry.path for entry in locked}, {entry.path for entry in declared}
    problems = []
    for path in sorted(listed ^ expected):
        has, lacks = ("dvc.yaml", "dvc.lock") if path in expected else ("dvc.lock", "dvc.yaml")
        message = f"{path} is {noun} of {name} in {has} and not in {lacks}"
        problems.append(Problem(name, path, "declaration", message))
    return problems


def _check_declaration(locked: Stage, declared: Stage) -> list[Problem]:
    """Check that a stage ran as dvc.yaml declares it, apart from hashes and parameters."""
    name = declared.name
    problems = []
    if locked.cmd != declared.cmd:
        message = f"{name} ran {locked.cmd!r}, its command in dvc.yaml is {declared.cmd!r}"
        problems.append(Problem(name, "cmd", "declaration", message))
    problems += _check_paths(name, "a dependency", locked.deps, declared.deps)
    return problems + _check_paths(name, "an output", locked.outs, declared.outs)


def _differences(name: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield dotted key and both values where two values differ; False and 0 differ, 0 and 0.0 do not."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys(), key=str):
            yield from _differences(f"{name}.{key}", old.get(key, ABSENT), new.get(key, ABSENT))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{name}[{index}]", before, after)
    elif isinstance(old, bool) is not isinstance(new, bool) or old != new:
        yield name, old, new


def _check_params(locked: Stage, declared: Stage) -> list[Problem]:
    """Check that a stage ran with the parameters that dvc.yaml declares and the values that they have now."""
    problems = []
    for file in sorted(locked.params.keys() | declared.params.keys()):
        before, now = locked.params.get(file, {}), declared.params.get(file, {})
        for declaration in sorted(before.keys() | now.keys()):
            found = _differences(declaration, before.get(declaration, ABSENT), now.get(declaration, ABSENT))
            for key, old, new in found:
                place = f"dvc.yaml for {locked.name}" if declaration not in now else file
                is_now = f"{key} is absent from {place}" if new is ABSENT else f"{key} is {new!r} in {file}"
                ran = "without it" if old is ABSENT else f"with {shorten(repr(old), SHOWN_CHARACTERS)}"
                problems.append(Problem(locked.name, key, "parameter", f"{is_now}, {locked.name} ran {ran}"))
    return problems


def _check_bytes(stage: Stage, entry: Entry, hashes: Hashes, verb: str) -> list[Problem]:
    """Compare a path that `stage` read or wrote (`verb`) with the hash that it has now."""
    now = hashes.md5s[entry.path]
    if entry.path in hashes.problems:
        return [Problem(stage.name, entry.path, "changed", hashes.problems[entry.path])]
    if now is None:
        message = (
            f"{entry.path}, which {stage.name} {verb}, is not in the workspace; run `dvc checkout` or `git checkout`"
        )
        return [Problem(stage.name, entry.path, "missing", message)]
    if now != entry.md5:
        message = f"{entry.path} is not what {stage.name} {verb}: its md5 is {now}, dvc.lock has {entry.md5}"
        return [Problem(stage.name, entry.path, "changed", message)]
    return []


def _check_deps(stage: Stage, made: dict[str, tuple[str, str]], hashes: Hashes) -> list[Problem]:
    """Check the dependencies of a stage; `made` maps each output of the earlier stages to (stage, md5)."""
    problems = []
    for dep in stage.deps:
        if dep.path not in made:
            problems += _check_bytes(stage, dep, hashes, "read")
        elif made[dep.path][1] != dep.md5:
            maker, md5 = made[dep.path]
            message = f"{stage.name} read {dep.path} with md5 {dep.md5}, but {maker} made it with md5 {md5}"
            problems.append(Problem(stage.name, dep.path, "link", message))
    return problems


def _check_foreign(lock: dict[str, Stage], declared: dict[str, Stage], chain: Sequence[Stage]) -> list[Problem]:
    """Check that no stage of dvc.lock that dvc.yaml does not have claims an output of the chain."""
    made = {out.path: stage.name for stage in chain for out in stage.outs}
    return [
        Problem(name, out.path, "declaration", f"{name} in dvc.lock claims {out.path}, and dvc.yaml has no such stage")
        for name, stage in lock.items()
        if name not in declared
        for out in stage.outs
        if out.path in made
    ]


def find_problems(lock: dict[str, Stage], path: str, root: Path) -> list[Problem]:
    """Return the problems of the chain of an output, in order from source to target.

    Each stage of the chain that dvc.yaml declares must be in dvc.lock with that command, dependencies, outputs and
    parameters. The hashes of all of them are compared with the workspace, and the records inside outputs with what they
    name.

    Args:
        lock: The stages of dvc.lock.
        path: The output, as `chain_of` takes it.
        root: The folder of dvc.yaml.

    Raises:
        UserError: if dvc.yaml cannot be resolved or does not have the output.
    """
    declared = declared_stages(root)
    chain = [step.stage for step in chain_of(declared, path).steps]
    return check_stages(lock, declared, chain, Hashes(root))


def check_stages(
    lock: dict[str, Stage], declared: dict[str, Stage], chain: Sequence[Stage], hashes: Hashes
) -> list[Problem]:
    """Return the problems of some stages, in their order.

    Args:
        lock: The stages of dvc.lock.
        declared: The stages of dvc.yaml.
        chain: The declared stages to check, each after those that it depends on.
        hashes: The hashes of the project; those that the stages need are added.
    """
    there = [lock[stage.name] for stage in chain if stage.name in lock]
    hashes.add(entry.path for stage in there for entry in (*stage.deps, *stage.outs))
    backbones = Backbones()
    made: dict[str, tuple[str, str]] = {}
    problems = check_imports(chain, list(declared.values()), hashes.root)
    problems += _check_foreign(lock, declared, chain)
    for declaration in chain:
        stage = lock.get(declaration.name)
        if stage is None:
            message = f"{declaration.name} is a stage of dvc.yaml, and dvc.lock has no record of it; run `dvc repro`"
            problems.append(Problem(declaration.name, "dvc.lock", "declaration", message))
            continue
        problems += _check_declaration(stage, declaration)
        problems += _check_deps(stage, made, hashes)
        problems += _check_params(stage, declaration)
        for out in stage.outs:
            problems += _check_bytes(stage, out, hashes, "wrote")
            made[out.path] = (stage.name, out.md5)
        problems += check_records(stage, hashes.md5s, backbones, hashes.root)
    return problems
