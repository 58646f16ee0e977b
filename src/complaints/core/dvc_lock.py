"""Stages of dvc.lock, and DVC's hashes of files and folders.

Paths are relative to the root of the project and have forward slashes, as in dvc.lock.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from complaints.core.config import check, read_yaml
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.inputs import check_regular
from complaints.core.paths import MANIFEST, REPORTS
from complaints.core.section import Section, Text, rule
from complaints.core.yaml_text import CONFLICT

LOCK_SCHEMA = "2.0"
IGNORED_BY_DVC = [".hg/", ".git/", ".git", ".dvc/"]
"""DVC leaves these out of every folder, whatever .dvcignore says."""


@dataclass(frozen=True)
class Entry:
    """A file or folder that a stage read or wrote; a folder's md5 ends in `.dir`."""

    path: str
    md5: str
    size: int | None = None


@dataclass(frozen=True)
class Stage:
    """One execution of a stage: its command, dependencies, parameters and outputs."""

    name: str
    cmd: str
    deps: tuple[Entry, ...]
    params: dict[str, dict[str, Any]]
    """Parameter file -> dotted key -> value."""
    outs: tuple[Entry, ...]


def is_inside(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or inside it."""
    return path == folder or path.startswith(f"{folder}/")


def folder_md5(files: Iterable[tuple[str, str]]) -> str:
    """Return DVC's hash of a folder: the md5 of DVC's JSON listing of it (dvc_data.hashfile.tree.Tree.as_bytes).

    Args:
        files: Pairs of (path inside the folder, md5 of the bytes).
    """
    listing = [{"md5": md5, "relpath": path} for path, md5 in sorted(files)]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def files_in(root: Path, folder: Path) -> list[Path]:
    """Return the files in `folder` except those that the root's .dvcignore excludes.

    Raises:
        UserError: if a folder in it is a link: DVC does not hash the files behind it.
    """
    import pathspec  # a dependency of dvc; without dvc there would be no dvc.lock to compare with

    patterns: list[str] = []
    if folder.is_relative_to(root):
        ignore_file = root / ".dvcignore"
        own = ignore_file.read_text(encoding="utf-8").splitlines() if ignore_file.is_file() else []
        patterns = [*IGNORED_BY_DVC, *own]
    ignore = pathspec.GitIgnoreSpec.from_lines(patterns)
    found = []
    for parent, folders, names in os.walk(folder):
        relative = Path(os.path.relpath(parent, root))
        folders[:] = [name for name in folders if not ignore.match_file(f"{(relative / name).as_posix()}/")]
        if linked := [name for name in folders if (Path(parent) / name).is_symlink()]:
            raise UserError(
                f"{relative / min(linked)} is a link to a folder, and DVC does not hash the files behind it; put the "
                "folder itself there"
            )
        found += [Path(parent) / name for name in names if not ignore.match_file((relative / name).as_posix())]
    return found


def _md5(file: Path) -> str:
    if not file.is_file():
        raise UserError(f"{file} is neither a file nor a link to one, so it has no hash; remove it")
    try:
        return file_digest(file, "md5")
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None


def hash_path(root: Path, path: str) -> str | None:
    """Return DVC 3's md5 of a file or folder in the workspace, or None if there is none.

    The files of a folder are read in blocks and hashed in parallel threads.

    Raises:
        UserError: if a folder contains a link to a folder, or something that is not a file or cannot be read.
    """
    root = root.resolve()
    full = root / path
    if full.is_dir():
        files = files_in(root, full)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            md5s = list(pool.map(_md5, files))
        return folder_md5(zip((file.relative_to(full).as_posix() for file in files), md5s, strict=True))
    return _md5(full) if os.path.lexists(full) else None


class _Section(Section):
    model_config = ConfigDict(extra="ignore")
    """DVC writes more keys than are read here."""


def _is_md5(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{32}(\.dir)?", value):
        raise PydanticCustomError("md5", "Input should be an md5 of 32 hexadecimal digits")
    return value


class _LockedEntry(_Section):
    path: Text
    hash: Literal["md5"]
    md5: Annotated[str, AfterValidator(_is_md5)]
    size: int | None = None


def _unique(entries: list[_LockedEntry]) -> list[_LockedEntry]:
    paths = [entry.path.rstrip("/") for entry in entries]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise rule((index,), f"lists {path} for the second time")
    return entries


_LockedEntries = Annotated[list[_LockedEntry], AfterValidator(_unique)]


class _LockedStage(_Section):
    cmd: str | list[str]
    deps: _LockedEntries = Field(default_factory=list)
    params: dict[str, dict[str, Any]] = Field(default_factory=dict)
    outs: _LockedEntries = Field(default_factory=list)


class _LockFile(_Section):
    stages: dict[str, _LockedStage] = Field(default_factory=dict)


def _has_conflicts(path: Path) -> bool:
    return CONFLICT.search(path.read_text(encoding="utf-8", errors="replace")) is not None


def _way_out(path: Path) -> str:
    """Return what to do about an unreadable lock; DVC itself stops at most of them, so `dvc repro` alone fails."""
    if path.is_file() and _has_conflicts(path):
        return (
            f"resolve params.yaml if it has conflicts too, then run `git checkout --ours {path.name} {REPORTS}/*.json "
            f"{MANIFEST}` and `dvc repro`"
        )
    return f"run `git checkout {path.name}`, or `rm {path.name}` if git has no good one, then `dvc repro`"


def read_lock(path: Path) -> dict[str, Stage]:
    """Read dvc.lock; keys are stage names, `finetune@minilm` for an entry of a foreach stage.

    DVC writes the file in place, so a killed DVC leaves it empty or cut off.

    Raises:
        UserError: if dvc.lock is missing, is not as DVC 3 writes it (schema 2.0, md5 hashes), or lists a path twice.
    """
    if not os.path.lexists(path):
        raise UserError(f"{path} is missing, and with it the record of what made the outputs; run `dvc repro`")
    if path.is_symlink() and not os.path.exists(path):
        raise UserError(f"{path} is a link to nothing; {_way_out(path)}")
    check_regular(path)
    try:
        if _has_conflicts(path):
            raise UserError(f"{path} has the conflict markers of an unfinished git merge")
        lock = read_yaml(path)
        if lock is None:
            raise UserError(f"{path} is empty: DVC was stopped while it wrote the file")
        schema = lock.get("schema") if isinstance(lock, dict) else None
        if schema != LOCK_SCHEMA:
            raise UserError(f"{path}: schema is {schema!r}, not {LOCK_SCHEMA!r} as DVC 3 writes it")
        stages = check(_LockFile, lock, path).stages
    except UserError as error:
        raise UserError(f"{error}; {_way_out(path)}") from None
    return {
        name: Stage(name, command(stage.cmd), _entries(stage.deps), stage.params, _entries(stage.outs))
        for name, stage in stages.items()
    }


def check_lock(path: Path) -> None:
    """Check that dvc.lock, if there is one, can be read: DVC's own messages about it name no way out.

    Raises:
        UserError: as `read_lock` does, except for a missing file.
    """
    if os.path.lexists(path):
        read_lock(path)


def _entries(entries: list[_LockedEntry]) -> tuple[Entry, ...]:
    return tuple(Entry(entry.path.rstrip("/"), entry.md5, entry.size) for entry in entries)


def command(cmd: str | list[str]) -> str:
    """Return the command of a stage as one string, a line for each item of a list."""
    return cmd if isinstance(cmd, str) else "\n".join(map(str, cmd))
