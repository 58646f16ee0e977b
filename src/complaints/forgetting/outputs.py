"""Outputs of all versions of dvc.lock: the objects behind them, and the checkpoints that withdrawn complaints made."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from complaints.core import paths
from complaints.core.dvc_lock import Entry, Stage, folder_md5, is_inside
from complaints.lineage.cache import Cache
from complaints.lineage.history import WORKSPACE, Version, parse
from complaints.teaching.folder import TEXTS_FILE
from complaints.withdrawals.ledger import Affected, Role

WEIGHTS = (".safetensors", ".skops", ".onnx", ".bin", ".pt", ".npy")
"""Endings of files with weights or features; an output without any, such as decision rules, is no checkpoint."""
DERIVED = (paths.MODELS, paths.FEATURES)
"""Folders of outputs with weights, or with features of each complaint: both were made from the complaints."""
ROLES: dict[str, Role] = {
    "train.parquet": "train",
    TEXTS_FILE: "train",
    "validation.parquet": "validation",
    "test.parquet": "test",
}
"""Name of a table of complaints -> their role, the most direct one first."""
RUN_CACHE = "run cache"
SHOWN_NAMES = 3


def version_name(version: Version) -> str:
    """Return the names under which users know a version, or its newest commit."""
    names = list(version.names[:SHOWN_NAMES]) or [commit[:9] for commit in version.commits[:1]]
    more = len(version.names) - SHOWN_NAMES
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def is_workspace(version: Version) -> bool:
    """Return whether a version is that of the workspace."""
    return WORKSPACE in version.names


@dataclass
class Outputs:
    """Objects of the outputs in all versions."""

    versions: list[Version]
    files: list[dict[str, str]] = field(default_factory=list)
    """For each version: path of a file that a stage wrote -> md5."""
    listings: list[set[str]] = field(default_factory=list)
    """For each version: md5s of the folders that stages wrote."""
    missing: dict[str, str] = field(default_factory=dict)
    """md5 of a folder whose listing is nowhere -> its path."""

    def paths_of(self, md5: str) -> dict[str, list[str]]:
        """Return path -> names of the versions in which it is this object."""
        found: dict[str, list[str]] = {}
        for version, files in zip(self.versions, self.files, strict=True):
            for path in (path for path, object_md5 in files.items() if object_md5 == md5):
                found.setdefault(path, []).append(version_name(version))
        return found

    def named(self) -> set[str]:
        """Return the md5s of all files in all versions."""
        return {md5 for files in self.files for md5 in files.values()}

    def needed_now(self) -> set[str]:
        """Return the md5s of files and folders that the workspace's dvc.lock names."""
        return {
            md5
            for version, files, listings in zip(self.versions, self.files, self.listings, strict=True)
            if is_workspace(version)
            for md5 in (*files.values(), *listings)
        }


def members(listing: bytes) -> dict[str, str]:
    """Return path in a folder -> md5 from DVC's listing of the folder."""
    return {str(entry["relpath"]): str(entry["md5"]) for entry in json.loads(listing)}


def read_outputs(versions: Iterable[Version], cache: Cache, elsewhere: Mapping[str, Path] | None = None) -> Outputs:
    """Read which objects are the outputs of versions.

    Args:
        versions: The versions of dvc.lock.
        cache: DVC's cache.
        elsewhere: md5 of a folder that the cache lacks -> copy of its listing from a remote.
    """
    result = Outputs(list(versions))
    known: dict[str, dict[str, str]] = {}
    for version in result.versions:
        files: dict[str, str] = {}
        folders: set[str] = set()
        for out in (out for stage in version.lock.values() for out in stage.outs):
            if not out.md5.endswith(".dir"):
                files[out.path] = out.md5
                continue
            folders.add(out.md5)
            path = (elsewhere or {}).get(out.md5, cache.path(out.md5))
            if out.md5 not in known and path.is_file():
                try:
                    known[out.md5] = members(path.read_bytes())
                except (ValueError, KeyError, TypeError):
                    result.missing[out.md5] = out.path
            if out.md5 in known:
                files |= {f"{out.path}/{name}": md5 for name, md5 in known[out.md5].items()}
            else:
                result.missing[out.md5] = out.path
        result.files.append(files)
        result.listings.append(folders)
    return result


def _files_under(files: Mapping[str, str], path: str) -> dict[str, str]:
    return {name: md5 for name, md5 in files.items() if is_inside(name, path)}


def _hash(files: Mapping[str, str], path: str) -> str:
    """Return DVC's hash of a dependency, a file or a folder, from the outputs in it."""
    if path in files:
        return files[path]
    return folder_md5((name.removeprefix(f"{path}/"), md5) for name, md5 in files.items())


class Readings:
    """The files that stages read: those of the version in which the dependency had its recorded hash."""

    def __init__(self, outputs: Outputs) -> None:
        """Index the dependencies of all stages by their hashes."""
        self._states: dict[tuple[str, str], dict[str, str]] = {}
        wanted = {dep.path for v in outputs.versions for stage in v.lock.values() for dep in stage.deps}
        for files in outputs.files:
            for path in wanted:
                if under := _files_under(files, path):
                    self._states.setdefault((path, _hash(under, path)), under)
        # A folder may have had files that no stage wrote; its hash is then known from the stage that read it alone.
        for version, files in zip(outputs.versions, outputs.files, strict=True):
            for dep in (dep for stage in version.lock.values() for dep in stage.deps):
                if under := _files_under(files, dep.path):
                    self._states.setdefault((dep.path, dep.md5), under)

    def of(self, dep: Entry, files: Mapping[str, str]) -> dict[str, str]:
        """Return path -> md5 of the files that a dependency was; those of the stage's version if no version knows."""
        return self._states.get((dep.path, dep.md5)) or _files_under(files, dep.path)


def _is_checkpoint(out: Entry, files: Mapping[str, str]) -> bool:
    """Return whether an output is in a folder of DERIVED and has weights or features, or may have."""
    if not any(is_inside(out.path, folder.as_posix()) for folder in DERIVED):
        return False
    inside = _files_under(files, out.path)
    return not inside or any(path.endswith(WEIGHTS) for path in inside)


@dataclass
class _Reader:
    """Roles of withdrawn complaints in what stages read."""

    readings: Readings
    held: Collection[str]
    searched: Collection[str]
    affected: dict[str, Affected] = field(default_factory=dict)

    def role(self, stage: Stage, out: Entry, files: Mapping[str, str]) -> Role | Literal["none", "unknown"]:
        """Return the most direct role in an output; `none` if the stage's data were searched and hold no complaint.

        Complaints of the test split leave features behind, but no weights.
        """
        roles: set[Role] = {self.affected[dep.md5].role for dep in stage.deps if dep.md5 in self.affected}
        data = {
            (md5, role)
            for dep in stage.deps
            for path, md5 in self.readings.of(dep, files).items()
            if (role := ROLES.get(PurePosixPath(path).name)) is not None
        }
        roles |= {role for md5, role in data if md5 in self.held}
        if not is_inside(out.path, paths.FEATURES.as_posix()):
            roles -= {"test"}
        if roles:
            return next(role for role in ROLES.values() if role in roles)
        return "none" if data and {md5 for md5, _ in data} <= set(self.searched) else "unknown"


@dataclass(frozen=True)
class Judged:
    """Checkpoints of all versions, judged by the data behind them."""

    affected: dict[str, Affected]
    """md5 of those trained or selected on withdrawn complaints, and of features made from them."""
    unknown: dict[str, str]
    """md5 -> path of those whose data are not here, or were not searched."""


def judge_checkpoints(outputs: Outputs, held: Collection[str], searched: Collection[str]) -> Judged:
    """Return the checkpoints that were trained or selected on withdrawn complaints, and the features made from them.

    One that began from such a checkpoint is affected too. One that a stage also made from data without them is not:
    equal bytes cannot depend on them.

    Args:
        outputs: The outputs of all versions.
        held: md5s of the objects that hold withdrawn complaints.
        searched: md5s of all objects that were searched.
    """
    reader = _Reader(Readings(outputs), held, searched)
    clean: set[str] = set()
    unknown: dict[str, str] = {}
    before = -1
    while before != len(reader.affected):
        before = len(reader.affected)
        clean, unknown = set(), {}
        for version, files in zip(outputs.versions, outputs.files, strict=True):
            for stage in version.lock.values():
                for out in (out for out in stage.outs if _is_checkpoint(out, files)):
                    role = reader.role(stage, out, files)
                    if role == "none":
                        clean.add(out.md5)
                    elif role == "unknown":
                        unknown[out.md5] = out.path
                    else:
                        reader.affected[out.md5] = Affected(path=out.path, role=role)
    affected = {md5: item for md5, item in sorted(reader.affected.items()) if md5 not in clean}
    return Judged(affected, {md5: path for md5, path in unknown.items() if md5 not in clean | affected.keys()})


def run_cache_versions(folder: Path) -> list[Version]:
    """Return the entries of a run cache as versions of one stage each: runs whose dvc.lock may never have been kept.

    Args:
        folder: The folder `runs` of the cache; an entry that cannot be read is passed over.
    """
    found = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if not path.is_file():
            continue
        content = b"schema: '2.0'\nstages:\n  run:\n" + b"".join(
            b"    " + line for line in path.read_bytes().splitlines(keepends=True)
        )
        lock = parse(content)
        if lock is not None:
            found.append(Version("", (), (RUN_CACHE,), lock))
    return found
