"""Base of a study: the committed code, data and parameters that its points change, as hashes."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.dvc_lock import hash_path, is_inside
from complaints.core.errors import UserError
from complaints.core.section import Section, Text
from complaints.lineage.git import run_git
from complaints.params_document import flatten

NO_EFFECT = ("tracking.",)
"""Beginnings of keys of params.yaml that no output depends on."""


class Base(Section):
    """Hashes of everything that the outputs of a point depend on, beside the point itself."""

    params: Text
    """sha256 of params.yaml, without the keys that are swept."""
    dependencies: dict[str, str | None]
    """Path -> DVC's md5 of each file or folder that stages read and none writes."""


def sources(root: Path) -> list[str]:
    """Return the dependencies of the pipeline that no stage writes, relative to the root, sorted.

    Raises:
        UserError: if DVC cannot read dvc.yaml.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            stages = repo.index.stages
            outs = {_relative(out.fs_path, repo.root_dir) for stage in stages for out in stage.outs}
            deps = {
                _relative(dep.fs_path, repo.root_dir)
                for stage in stages
                for dep in stage.deps
                if Path(dep.fs_path).name != PARAMS_FILE.name
            }
    except DvcException as error:
        raise UserError(f"DVC cannot read this project ({error}); `dvc status` says more") from None
    return sorted(dep for dep in deps if not any(is_inside(dep, out) or is_inside(out, dep) for out in outs))


def _relative(path: str, root: str) -> str:
    return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path


def read_base(root: Path, swept: Iterable[str], read: list[str]) -> Base:
    """Return the base of a study in a workspace without uncommitted changes.

    Args:
        root: Root of the project.
        swept: Keys of params.yaml that the points change.
        read: Result of `sources`.

    Raises:
        UserError: if a file has uncommitted changes: an experiment is made of a commit.
    """
    if listing := _uncommitted(root, read):
        names = ", ".join(listing[:3]) + (", ..." if len(listing) > 3 else "")
        raise UserError(f"{names}: not as in the last commit, of which experiments are made; commit or restore first")
    values = {
        key: value
        for key, value in flatten(read_yaml(root / PARAMS_FILE)).items()
        if key not in set(swept) and not key.startswith(NO_EFFECT)
    }
    return Base(params=digest(values), dependencies={path: hash_path(root, path) for path in read})


def _uncommitted(root: Path, read: list[str]) -> list[str]:
    """Return tracked files that changed, and new files inside of sources: a source that is not tracked is linked."""
    status = run_git(
        root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", ".", ":!sweeps"
    )
    files = [(line[:2], line[3:]) for line in status.split("\0") if line]
    whole = [source for source in read if not run_git(root, "ls-files", "--", source)]
    inside = [source for source in read if source not in whole]
    return [path for mark, path in files if mark != "??" or any(is_inside(path, source) for source in inside)]


def digest(value: Any) -> str:
    """Return the sha256 of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def difference(old: Base, new: Base) -> str | None:
    """Return the first thing that differs between two bases, None if they are equal."""
    if old.params != new.params:
        return PARAMS_FILE.name
    paths = sorted(old.dependencies.keys() | new.dependencies.keys())
    return next((path for path in paths if old.dependencies.get(path) != new.dependencies.get(path)), None)
