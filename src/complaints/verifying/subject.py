"""Subject of a verification: the workspace, or a git revision in a temporary folder with outputs linked from a cache.

The folder of a revision has the files of its commit and links to the objects of DVC's cache, so that every check of the
workspace is one of revisions too.
"""

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from complaints.core.dvc_lock import Entry, Stage, read_lock
from complaints.core.errors import UserError
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.cache import Cache
from complaints.lineage.chain import ordered
from complaints.lineage.git import git_bytes
from complaints.lineage.lock import Pipeline, declared_pipeline, without_removed_entries
from complaints.lineage.revisions import resolve, unknown

NO_SCM = "[core]\n    no_scm = true\n"
"""DVC's settings in the folder of a revision, which is no git repository."""


@dataclass(frozen=True)
class Subject:
    """A project to verify."""

    root: Path
    """The folder of dvc.yaml."""
    revision: str | None
    """None for the workspace."""
    lock: dict[str, Stage]
    pipeline: Pipeline
    cache: Cache

    @property
    def chain(self) -> list[Stage]:
        """The stages of dvc.yaml, each after those that it depends on."""
        stages = self.pipeline.stages
        return [stages[name] for name in ordered(stages, stages)]

    @property
    def in_cache(self) -> list[tuple[Stage, Entry]]:
        """The outputs in dvc.lock, with their stages, that DVC keeps in its cache."""
        return [(s, out) for s in self.lock.values() for out in s.outs if out.path in self.pipeline.cached]


def _open(root: Path, revision: str | None, cache: Cache) -> Subject:
    lock = without_removed_entries(read_lock(root / LOCK_FILE), root)
    return Subject(root, revision, lock, declared_pipeline(root), cache)


def _extract(commit: str, folder: Path) -> None:
    """Write the files of a commit, from the folder of dvc.yaml on."""
    archive = git_bytes(Path("."), "archive", "--format=tar", commit)
    if archive is None:
        raise UserError(f"git cannot read the files of commit {commit[:12]}; `git fsck` says what is missing")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="tar")
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc/config.local").write_text(NO_SCM, encoding="utf-8")


def _link(target: Path, source: Path) -> None:
    """Link to a file or folder, unless nothing is there or the target is."""
    if source.exists() and not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.resolve())


def members(cache: Cache, out: Entry) -> dict[str, str]:
    """Return the md5 of each file of an output by its path in it, "" for the output itself; none without a listing."""
    if not out.md5.endswith(".dir"):
        return {"": out.md5}
    try:
        return {entry["relpath"]: entry["md5"] for entry in json.loads(cache.path(out.md5).read_bytes())}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _link_outputs(subject: Subject, fetch: bool) -> None:
    """Link the outputs of a revision from the cache, and what neither git nor a stage has from the workspace."""
    outs = [out for _, out in subject.in_cache]
    if fetch:
        subject.cache.bring([out.md5 for out in outs])
        subject.cache.bring([md5 for out in outs for md5 in members(subject.cache, out).values()])
    for out in outs:
        for name, md5 in members(subject.cache, out).items():
            _link(subject.root / out.path / name, subject.cache.path(md5))
    made = {out.path for stage in subject.lock.values() for out in stage.outs}
    for stage in subject.lock.values():
        for dep in stage.deps:
            if dep.path not in made:
                _link(subject.root / dep.path, Path(dep.path))


@contextmanager
def opened(revision: str | None, fetch: bool) -> Iterator[Subject]:
    """Yield the workspace, the working directory, or a revision; the folder of a revision is removed at the end.

    Args:
        revision: A git revision, tag, branch or DVC experiment; None for the workspace.
        fetch: Fetch the outputs of the revision that DVC's cache lacks from the default remote.

    Raises:
        UserError: if git knows no such revision, or its dvc.lock or dvc.yaml cannot be read.
    """
    cache = Cache(Path("."))
    if revision is None:
        yield _open(Path("."), None, cache)
        return
    commit = resolve(revision)
    if commit is None:
        raise UserError(unknown(revision))
    with tempfile.TemporaryDirectory(prefix="complaints-") as name:
        root = Path(name).resolve()
        _extract(commit, root)
        try:
            subject = _open(root, revision, cache)
        except UserError as error:
            raise UserError(str(error).replace(f"{root}/", f"{revision}:")) from None
        _link_outputs(subject, fetch)
        yield subject
