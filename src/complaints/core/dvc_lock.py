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


REBUILD = "to rebuild it, delete it and run `dvc repro`, which takes results from DVC's cache"
"""The way out for a broken dvc.lock; DVC cannot read it either, so `dvc repro` alone fails."""


def _entry(where: str, value: Any) -> Entry:
    entry = value if isinstance(value, dict) else {}
    path, md5 = entry.get("path"), entry.get("md5")
    if entry.get("hash") != "md5" or not isinstance(path, str) or not isinstance(md5, str):
        raise UserError(f"{where}: an entry without `path`, `hash: md5` or `md5` ({value!r}); {REBUILD}")
    return Entry(path.rstrip("/"), md5, entry.get("size"))


def _stage(where: str, name: str, value: Any) -> Stage:
    if not isinstance(value, dict) or not isinstance(value.get("cmd"), str | list):
        raise UserError(f"{where}: `cmd` is missing; {REBUILD}")
    deps, outs, params = value.get("deps") or [], value.get("outs") or [], value.get("params") or {}
    if not isinstance(deps, list) or not isinstance(outs, list):
        raise UserError(f"{where}: `deps` and `outs` must be lists; {REBUILD}")
    if not isinstance(params, dict) or not all(isinstance(values, dict) for values in params.values()):
        raise UserError(f"{where}: `params` must be a mapping of files to their values; {REBUILD}")
    return Stage(
        name=name,
        cmd=command(value["cmd"]),
        deps=tuple(_entry(where, dep) for dep in deps),
        params=params,
        outs=tuple(_entry(where, out) for out in outs),
    )


def read_lock(path: Path) -> dict[str, Stage]:
    """Read dvc.lock; keys are stage names, `finetune@minilm` for an entry of a foreach stage.

    Raises:
        UserError: if dvc.lock is missing, or is not of schema 2.0 with md5 hashes, as DVC 3 writes it: for example
            after a kill of DVC while it wrote the file, or in an unfinished merge.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing, and with it the record of what made the outputs; run `dvc repro`")
    try:
        lock = read_yaml(path)
    except UserError as error:
        raise UserError(f"{error}; {REBUILD}") from None
    schema = lock.get("schema") if isinstance(lock, dict) else None
    if schema != LOCK_SCHEMA:
        raise UserError(f"{path}: schema is {schema!r}, not {LOCK_SCHEMA!r}, that of DVC 3; {REBUILD}")
    stages = lock.get("stages") or {}
    if not isinstance(stages, dict):
        raise UserError(f"{path}: `stages` must be a mapping; {REBUILD}")
    return {name: _stage(f"{path}, stage {name}", name, value) for name, value in stages.items()}


def command(cmd: str | list[str]) -> str:
    """Return the command of a stage as one string, a line for each item of a list."""
    return cmd if isinstance(cmd, str) else "\n".join(map(str, cmd))
