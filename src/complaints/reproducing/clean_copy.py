"""Clean copy of a commit: a git repository and a DVC cache of its own, without outputs and without dvc.lock.

The copy is a clone of one commit and not a worktree, since git has no record of it in the project: whatever ends the
reproduction, nothing is left that git would have to prune.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from complaints.core.dvc_lock import Entry, check_lock, hash_path
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, write_json
from complaints.core.paths import MANIFEST
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.cache import Cache
from complaints.lineage.git import git, run_git
from complaints.reproducing.target import Target, overlaps

MARKER = "reproduction.json"
"""File in the copy's .git folder that names the commit and the stages, and whether the copy is complete."""


@dataclass(frozen=True)
class Copy:
    """A clone in `folder`, whose project is `root`: the folder itself, or the same folder in it as in the original."""

    folder: Path
    root: Path
    resumed: bool


def make_copy(folder: Path, target: Target, cache: Cache) -> Copy:
    """Make the copy of a target, or return the complete one of the same target that is there.

    Raises:
        UserError: if something else is in the folder, git fails, or source data cannot be had as dvc.lock records it.
    """
    prefix = git(Path(), "rev-parse", "--show-prefix") or ""
    copy = Copy(folder, folder / prefix, resumed=False)
    wanted = {"commit": target.commit, "path": target.path}
    marker = folder / ".git" / MARKER
    found = read_json(marker) if marker.is_file() else None
    if found == {**wanted, "complete": True}:
        _mend(copy.root)
        return Copy(folder, copy.root, resumed=True)
    if found is not None:
        shutil.rmtree(folder)  # of another target, or not complete
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there and is no reproduction; name a folder that is empty or does not exist")
    folder.mkdir(parents=True, exist_ok=True)
    run_git(folder, "init", "--quiet")
    write_json(marker, {**wanted, "complete": False})
    # Protocol 2 serves any commit, also that of an experiment; one commit is enough, also from a shallow clone.
    origin = run_git(Path(), "rev-parse", "--show-toplevel").rstrip("\n")
    run_git(folder, "-c", "protocol.version=2", "fetch", "--quiet", "--depth=1", origin, target.commit)
    run_git(folder, "checkout", "--quiet", "--detach", target.commit)
    _own_cache(copy.root)
    for stage in target.snapshot.lock.values():
        for out in stage.outs:
            _remove(copy.root / out.path)
    (copy.root / LOCK_FILE).unlink()
    _bring_sources(copy.root, target, cache)
    write_json(marker, {**wanted, "complete": True})
    return copy


def _mend(root: Path) -> None:
    """Remove what a killed DVC leaves: its list of running stages, and a dvc.lock that it was writing.

    No other process is in the copy; what had run comes from the copy's own cache.
    """
    (root / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
    try:
        check_lock(root / LOCK_FILE)
    except UserError:
        (root / LOCK_FILE).unlink()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _own_cache(root: Path) -> None:
    """Give the copy a cache inside it, whatever the settings of the project, the user and the machine say."""
    (root / ".dvc").mkdir(exist_ok=True)
    (root / ".dvc" / "config.local").write_text("[cache]\n    dir = cache\n[core]\n    autostage = false\n")


def _bring_sources(root: Path, target: Target, cache: Cache) -> None:
    """Copy the dependencies that neither a stage nor git has, such as the file of `fetch.path`, and check them.

    Raises:
        UserError: if one cannot be had with the md5 of dvc.lock, or the sha256 of the manifest.
    """
    made = [out.path for stage in target.stages for out in stage.outs]
    for stage in target.stages:
        for dep in stage.deps:
            if not any(overlaps(dep.path, out) for out in made) and hash_path(root, dep.path) is None:
                _bring(root, dep, stage.name, cache)
    _check_manifest(root, target)


def _bring(root: Path, dep: Entry, stage: str, cache: Cache) -> None:
    """Copy one dependency from the project, or from DVC's cache or remote."""
    what = f"{dep.path}, which {stage} of the commit read (md5 {dep.md5})"
    destination = root / dep.path
    if not destination.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"{what}, is outside of the project and not there; restore it, or make the copy in a folder from which the "
            "path leads to it: --keep DIR with a DIR beside the project"
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    if hash_path(Path(), dep.path) == dep.md5:
        source = Path(dep.path)
        shutil.copytree(source, destination) if source.is_dir() else shutil.copy2(source, destination)
    elif not dep.md5.endswith(".dir") and not cache.bring([dep.md5]):
        shutil.copy2(cache.checked(dep.md5), destination)
    else:
        raise UserError(f"{what}, is not in git, and the file of the workspace is another or missing; restore it there")


def _check_manifest(root: Path, target: Target) -> None:
    """Compare the sha256 of source files with the commit's manifest, which names them without folders."""
    if not any(out.path == MANIFEST.as_posix() for stage in target.stages for out in stage.outs):
        return
    target.snapshot.bring(MANIFEST)
    recorded = {file["name"]: file["sha256"] for file in read_json(target.snapshot.root / MANIFEST).get("files", [])}
    for stage in target.stages:
        for dep in stage.deps:
            digest = recorded.get(Path(dep.path).name)
            file = root / dep.path
            if digest is not None and file.is_file() and file_digest(file) != digest:
                raise UserError(f"{dep.path} is not the file of {MANIFEST}, whose sha256 is {digest}; restore that one")
