"""Verification of a chain: its hashes, parameters and links compared with the workspace."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from complaints.core.config import read_yaml
from complaints.core.dvc_lock import Entry, Stage, hash_path, is_inside
from complaints.core.files import file_digest, read_json
from complaints.lineage.chain import COMPLAINTS, MANIFEST, Chain, Step
from complaints.lineage.lock import flatten


@dataclass(frozen=True)
class Problem:
    """A difference between dvc.lock and the workspace."""

    stage: str
    path: str
    kind: Literal["changed", "missing", "parameter", "link", "manifest"]
    message: str


class _Hashes:
    """Hashes of paths in the workspace, each computed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.known: dict[str, str | None] = {}

    def __getitem__(self, path: str) -> str | None:
        if path not in self.known:
            self.known[path] = hash_path(self.root, path)
        return self.known[path]


def _check_bytes(stage: Stage, entry: Entry, now: str | None, verb: str) -> list[Problem]:
    """Compare a path that `stage` read or wrote (`verb`) with the hash that it has now."""
    if now is None:
        message = (
            f"{entry.path}, which {stage.name} {verb}, is not in the workspace; run `dvc checkout` or `git checkout`"
        )
        return [Problem(stage.name, entry.path, "missing", message)]
    if now != entry.md5:
        message = f"{entry.path} is not what {stage.name} {verb}: its md5 is {now}, dvc.lock has {entry.md5}"
        return [Problem(stage.name, entry.path, "changed", message)]
    return []


def _check_deps(step: Step, made: dict[str, tuple[str, str]], hashes: _Hashes) -> list[Problem]:
    """Check the dependencies of a stage; `made` maps each product of the earlier steps to (stage, md5)."""
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
    """Return the value of a dotted key, or `{}` if there is none."""
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
    """Check that the source manifest has the sha256 of the complaints."""
    if not any(is_inside(MANIFEST, out.path) for out in step.products):
        return []
    if not (root / MANIFEST).is_file() or not (root / COMPLAINTS).is_file():
        return []  # a missing file is reported as such
    recorded, found = read_json(root / MANIFEST).get("complaints_sha256"), file_digest(root / COMPLAINTS)
    if recorded == found:
        return []
    message = f"{MANIFEST} is the manifest of complaints with sha256 {recorded}, but {COMPLAINTS} has {found}"
    return [Problem(step.stage.name, MANIFEST, "manifest", message)]


def find_problems(chain: Chain, root: Path) -> list[Problem]:
    """Return the problems of a chain, in order from source to target: every hash and every parameter is compared."""
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
