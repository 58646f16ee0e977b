"""dvc.lock as typed stages, and the hashes DVC would compute for what lies in the workspace.

Paths are relative to the root of the project, with forward slashes, as dvc.lock writes them.
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
    """One run of a stage: what it read, the parameters it was given, its command, what it wrote.

    `params` maps a parameter file to its dotted keys and their values.
    """

    name: str
    cmd: str
    deps: tuple[Entry, ...]
    params: dict[str, dict[str, Any]]
    outs: tuple[Entry, ...]


def is_inside(path: str, folder: str) -> bool:
    """Say whether `path` is `folder` or lies inside it."""
    return path == folder or path.startswith(f"{folder}/")


def is_code(path: str) -> bool:
    """Return whether a dependency that no stage makes is code: Python, a folder of it, or the list of packages."""
    name = path.rpartition("/")[2]
    return name.endswith(".py") or name.startswith("requirements") or is_inside(path, "src")


def folder_md5(files: Iterable[tuple[str, str]]) -> str:
    """Return DVC's hash of a folder that holds `files`, pairs of (path inside the folder, md5 of the bytes).

    It is the md5 of the JSON listing that DVC keeps for a folder (dvc_data.hashfile.tree.Tree.as_bytes).
    """
    listing = [{"md5": md5, "relpath": path} for path, md5 in sorted(files)]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _files_in(root: Path, folder: Path) -> list[Path]:
    """Return the files in `folder` that DVC sees: all but those that the root's .dvcignore names."""
    import pathspec  # comes with dvc; without dvc there is no dvc.lock to compare with

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
    """Return the md5 that DVC 3 gives to a file or folder of the workspace, or None if there is none."""
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
        UserError: if there is no dvc.lock, or it is not of the schema 2.0 that DVC 2 and 3 write with md5 hashes.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing, so nothing says what made the outputs; run `dvc repro` to make both")
    lock = read_yaml(path)
    schema = lock.get("schema") if isinstance(lock, dict) else None
    if schema != LOCK_SCHEMA:
        raise UserError(f"{path}: schema is {schema!r}, only {LOCK_SCHEMA!r} is known; run `dvc repro` with DVC 3")
    stages = {}
    for name, value in (lock.get("stages") or {}).items():
        where = f"{path}, stage {name}"
        if not isinstance(value, dict) or "cmd" not in value:
            raise UserError(f"{where}: no `cmd`; run `dvc repro` to write it again")
        stages[name] = Stage(
            name=name,
            cmd=_command(value["cmd"]),
            deps=tuple(_entry(where, dep) for dep in value.get("deps") or []),
            params=value.get("params") or {},
            outs=tuple(_entry(where, out) for out in value.get("outs") or []),
        )
    return stages


def _command(cmd: str | list[str]) -> str:
    return cmd if isinstance(cmd, str) else "\n".join(cmd)


def fingerprint(stage: Stage) -> str:
    """Return the identity of a stage's inputs: a sha256 over its command, dependencies (path, md5) and parameters."""
    inputs = {
        "cmd": stage.cmd,
        "deps": sorted([dep.path, dep.md5] for dep in stage.deps),
        "params": stage.params,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one mapping with dotted keys."""
    if not isinstance(values, dict):
        return {prefix: values}
    return {k: v for name, value in values.items() for k, v in flatten(value, f"{prefix}.{name}".lstrip(".")).items()}


def stage_now(name: str, root: Path) -> Stage:
    """Return the stage as dvc.yaml, params.yaml and the workspace have it now, as DVC writes it when the stage ends.

    DVC itself resolves dvc.yaml's templates, which takes about half a second. Outputs that are not there are left out.

    Raises:
        UserError: if the stage or a dependency is missing.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.stage.exceptions import StageNotFound
    from dvc.stage.utils import split_params_deps

    try:
        with Repo(str(root)) as repo:
            stage = repo.stage.load_one(str(root / "dvc.yaml"), name)
            params, deps = split_params_deps(stage)
            values = {param.def_path: dict(param.read_params()) for param in params}
    except StageNotFound:
        raise UserError(f"dvc.yaml has no stage {name}") from None
    except DvcException as error:
        raise UserError(f"dvc.yaml, stage {name}: {error}") from None

    def entries(paths: list[str]) -> tuple[Entry, ...]:
        hashes = ((path.rstrip("/"), hash_path(root, path)) for path in sorted(paths))
        return tuple(Entry(path, md5) for path, md5 in hashes if md5 is not None)

    found = entries([dep.def_path for dep in deps])
    missing = {dep.def_path.rstrip("/") for dep in deps} - {entry.path for entry in found}
    if missing:
        raise UserError(f"{min(missing)} is missing, and stage {name} reads it; run `dvc repro`")
    return Stage(name, _command(stage.cmd), found, values, entries([out.def_path for out in stage.outs]))
