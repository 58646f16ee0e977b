"""Whether a chain of stages still holds: its hashes, parameters and links against the workspace."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from complaints.core.config import read_yaml
from complaints.core.files import file_digest, read_json
from complaints.lineage.chain import COMPLAINTS, MANIFEST, Step, Trace
from complaints.lineage.lock import Entry, Stage, flatten, hash_path, is_inside


@dataclass(frozen=True)
class Problem:
    """A link of a chain that does not hold."""

    stage: str
    path: str
    kind: Literal["changed", "missing", "parameter", "link", "manifest"]
    message: str


class _Hashes:
    """Hashes of the workspace, each computed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, str | None] = {}

    def __getitem__(self, path: str) -> str | None:
        if path not in self.known:
            self.known[path] = hash_path(self.root, path)
        return self.known[path]


def _check_bytes(stage: Stage, entry: Entry, now: str | None, verb: str) -> list[Problem]:
    """Compare what `stage` read or wrote (`verb`) with what lies in the workspace now."""
    if now is None:
        message = f"{entry.path}, which {stage.name} {verb}, is not in the workspace; `dvc checkout` or `git checkout`"
        return [Problem(stage.name, entry.path, "missing", message)]
    if now != entry.md5:
        message = f"{entry.path} is not what {stage.name} {verb}: its md5 is {now}, dvc.lock has {entry.md5}"
        return [Problem(stage.name, entry.path, "changed", message)]
    return []


def _check_deps(step: Step, made: dict[str, tuple[str, str]], hashes: _Hashes) -> list[Problem]:
    """Check what a stage read; `made` maps each product of the earlier steps to (stage, md5)."""
    problems = []
    for dep in step.stage.deps:
        if dep.path not in made:
            problems += _check_bytes(step.stage, dep, hashes[dep.path], "read")
        elif made[dep.path][1] != dep.md5:
            maker, md5 = made[dep.path]
            message = f"{step.stage.name} read {dep.path} with md5 {dep.md5}, but {maker} made it with md5 {md5}"
            problems.append(Problem(step.stage.name, dep.path, "link", message))
    return problems


def _look_up(values: Any, key: str) -> Any:
    """Return the value of a dotted key, and no values (`{}`) where there is none."""
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return {}
        values = values[part]
    return values


def _check_params(stage: Stage, root: Path) -> list[Problem]:
    problems = []
    for file, declared in stage.params.items():
        now = read_yaml(root / file)
        for key, value in declared.items():
            before, after = flatten(value, key), flatten(_look_up(now, key), key)
            for name in sorted(before.keys() | after.keys()):
                old, new = before.get(name, "absent"), after.get(name, "absent")
                if old != new:
                    message = f"{name} is {new} in {file}, {stage.name} ran with {old}"
                    problems.append(Problem(stage.name, name, "parameter", message))
    return problems


def _check_manifest(step: Step, root: Path) -> list[Problem]:
    """Check that the source manifest speaks of the complaints that lie beside it."""
    if not any(is_inside(MANIFEST, out.path) for out in step.products):
        return []
    if not (root / MANIFEST).is_file() or not (root / COMPLAINTS).is_file():
        return []  # a missing file is reported as such
    said, found = read_json(root / MANIFEST).get("complaints_sha256"), file_digest(root / COMPLAINTS)
    if said == found:
        return []
    message = f"{MANIFEST} speaks of complaints with sha256 {said}, {COMPLAINTS} has {found}"
    return [Problem(step.stage.name, MANIFEST, "manifest", message)]


def find_problems(chain: Trace, root: Path) -> list[Problem]:
    """Recompute every hash and compare every parameter of a chain; problems come in order from source to target."""
    hashes = _Hashes(root)
    made: dict[str, tuple[str, str]] = {}
    problems = []
    for step in chain.steps:
        problems += _check_deps(step, made, hashes)
        problems += _check_params(step.stage, root)
        for out in step.products:
            problems += _check_bytes(step.stage, out, hashes[out.path], "wrote")
            made[out.path] = (step.stage.name, out.md5)
        problems += _check_manifest(step, root)
    return problems
