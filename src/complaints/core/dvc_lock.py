"""Stages of dvc.lock, and DVC's hashes of files and folders.

Paths are relative to the root of the project and have forward slashes, as in dvc.lock.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.core.files import file_digest

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


def _files_in(root: Path, folder: Path) -> list[Path]:
    """Return the files in `folder` except those that the root's .dvcignore excludes."""
    import pathspec  # a dependency of dvc; without dvc there would be no dvc.lock to compare with

    ignore_file = root / ".dvcignore"
    patterns = ignore_file.read_text(encoding="utf-8").splitlines() if ignore_file.is_file() else []
    ignore = pathspec.GitIgnoreSpec.from_lines([*IGNORED_BY_DVC, *patterns])
    found = []
    for parent, folders, names in os.walk(folder):
        relative = Path(parent).relative_to(root)
        folders[:] = [name for name in folders if not ignore.match_file(f"{(relative / name).as_posix()}/")]
        found += [Path(parent) / name for name in names if not ignore.match_file((relative / name).as_posix())]
    return found


def hash_path(root: Path, path: str) -> str | None:
    """Return DVC 3's md5 of a file or folder in the workspace, or None if there is none."""
    root = root.resolve()
    full = root / path
    if full.is_dir():
        files = _files_in(root, full)
        return folder_md5((file.relative_to(full).as_posix(), file_digest(file, "md5")) for file in files)
    return file_digest(full, "md5") if full.is_file() else None


def _entry(where: str, value: Any) -> Entry:
    try:
        path, kind, md5 = value["path"], value["hash"], value["md5"]
    except (KeyError, TypeError):
        kind, path, md5 = None, "?", ""
    if kind != "md5":
        raise UserError(f"{where}: an entry without `path` or `hash: md5` ({value!r}); run `dvc repro` with DVC 3")
    return Entry(path.rstrip("/"), md5, value.get("size"))


def read_lock(path: Path) -> dict[str, Stage]:
    """Read dvc.lock; keys are stage names, `finetune@minilm` for an entry of a foreach stage.

    Raises:
        UserError: if dvc.lock is missing, or is not of schema 2.0 with md5 hashes, as DVC 3 writes it.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing, and with it the record of what made the outputs; run `dvc repro`")
    lock = read_yaml(path)
    schema = lock.get("schema") if isinstance(lock, dict) else None
    if schema != LOCK_SCHEMA:
        raise UserError(f"{path}: schema is {schema!r}, not {LOCK_SCHEMA!r}; run `dvc repro` with DVC 3")
    stages = {}
    for name, value in (lock.get("stages") or {}).items():
        where = f"{path}, stage {name}"
        if not isinstance(value, dict) or "cmd" not in value:
            raise UserError(f"{where}: `cmd` is missing; run `dvc repro` to rewrite it")
        stages[name] = Stage(
            name=name,
            cmd=command(value["cmd"]),
            deps=tuple(_entry(where, dep) for dep in value.get("deps") or []),
            params=value.get("params") or {},
            outs=tuple(_entry(where, out) for out in value.get("outs") or []),
        )
    return stages


def command(cmd: str | list[str]) -> str:
    """Return the command of a stage as one string, a line for each item of a list."""
    return cmd if isinstance(cmd, str) else "\n".join(cmd)
