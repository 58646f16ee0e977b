"""Snapshots of the project: the workspace, or a git revision whose files are read without a checkout."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.dvc_lock import Stage, read_lock
from complaints.core.errors import UserError
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.cache import Cache
from complaints.lineage.git import git, git_bytes
from complaints.lineage.lock import without_removed_entries
from complaints.lineage.revisions import resolve, unknown

WORKSPACE = "workspace"
"""The name of the snapshot of the files as they are now; DVC calls it so too."""


class Snapshot:
    """The workspace: files of the pipeline under `root`, relative to which all paths are."""

    name = WORKSPACE
    commit: str | None = None

    def __init__(self, root: Path) -> None:
        """Start without having read anything."""
        self.root = root
        self._lock: dict[str, Stage] | None = None
        self._params: dict[str, Any] | None = None

    def bring(self, *files: Path) -> None:
        """Make files readable under `root`."""

    def has(self, file: Path) -> bool:
        """Return whether the snapshot has a file, or can have it in one of its folders."""
        return (self.root / file).is_file()

    @property
    def params(self) -> dict[str, Any]:
        """The content of params.yaml.

        Raises:
            UserError: if it cannot be read.
        """
        if self._params is None:
            with self.naming():
                self.bring(PARAMS_FILE)
                tree = read_yaml(self.root / PARAMS_FILE)
                if not isinstance(tree, dict) or not isinstance(tree.get("models"), dict):
                    raise UserError(f"{self.root / PARAMS_FILE} must be a mapping with `models:`")
                self._params = tree
        return self._params

    @property
    def lock(self) -> dict[str, Stage]:
        """The stages of dvc.lock, without those of entries that params.yaml no longer has.

        Raises:
            UserError: if it cannot be read.
        """
        if self._lock is None:
            with self.naming():
                self.bring(LOCK_FILE, PARAMS_FILE)
                self._lock = without_removed_entries(read_lock(self.root / LOCK_FILE), self.root)
        return self._lock

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Have messages name files by their revision, as git does, instead of by the folder they are read from."""
        try:
            yield
        except UserError as error:
            if self.commit is None:
                raise
            raise UserError(str(error).replace(f"{self.root}/", f"{self.name}:")) from None


class PastSnapshot(Snapshot):
    """A git revision: files that git tracks are written, and outputs are linked from DVC's cache, when asked for."""

    def __init__(self, name: str, commit: str, root: Path, cache: Cache) -> None:
        """Start with an empty folder."""
        super().__init__(root)
        self.name, self.commit, self._cache = name, commit, cache

    def bring(self, *files: Path) -> None:
        """Make files readable under `root`; what DVC's cache lacks is fetched from the remote into the cache.

        Raises:
            UserError: if the revision has no such file, or neither the cache nor the remote has it.
        """
        for file in files:
            target = self.root / file
            if target.exists():
                continue
            content = git_bytes(Path("."), "cat-file", "blob", f"{self.commit}:./{file.as_posix()}")
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        left = [file for file in files if not (self.root / file).exists()]
        self._fetch({folder: md5 for folder, md5 in map(self._folder, left) if md5.endswith(".dir")})
        objects = {file: self._md5(file) for file in left}
        self._fetch(objects)
        for file, md5 in objects.items():
            target = self.root / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(self._cache.checked(md5))

    def has(self, file: Path) -> bool:
        """Return whether an output in dvc.lock is the file, or a folder that may have it."""
        return any(file.is_relative_to(out) for out in self._outs())

    def _outs(self) -> dict[Path, str]:
        """Return output -> md5 of all stages in dvc.lock."""
        return {Path(out.path): out.md5 for stage in self.lock.values() for out in stage.outs}

    def _folder(self, file: Path) -> tuple[Path, str]:
        """Return the output in dvc.lock that is a file or has it, and its md5."""
        if file in (LOCK_FILE, PARAMS_FILE):
            raise UserError(f"{self.name} has no {file}; name a revision of this project after its first `dvc repro`")
        for out, md5 in self._outs().items():
            if file.is_relative_to(out):
                return out, md5
        raise UserError(f"dvc.lock of {self.name} has no {file}: no stage had made it; name another revision")

    def _md5(self, file: Path) -> str:
        """Return the md5 of a file that is an output or in a folder of outputs, whose listing is in the cache."""
        out, md5 = self._folder(file)
        if out == file:
            return md5
        name = file.relative_to(out).as_posix()
        for entry in json.loads(self._cache.path(md5).read_bytes()):
            if entry["relpath"] == name:
                return str(entry["md5"])
        raise UserError(f"{self.name}:{out} has no {name}; name another revision")

    def _fetch(self, objects: Mapping[Path, str]) -> None:
        """Fetch objects that the cache lacks.

        Raises:
            UserError: if one is neither in the cache nor on the remote.
        """
        for absent in self._cache.bring(list(objects.values())):
            file = next(file for file, md5 in objects.items() if md5 == absent)
            raise UserError(self._absent(file, absent))

    def _absent(self, file: Path, md5: str) -> str:
        """Return the message for an output that only another machine can have."""
        push = "dvc push --all-commits"
        if git(Path("."), "rev-parse", "--verify", "--quiet", "--end-of-options", self.name) is None:
            push = f"dvc exp push origin {self.name}"
        return (
            f"{self.name}:{file} (md5 {md5}) is not in DVC's cache, and {self._cache.remote}; run `{push}` on the "
            f"machine that made it, or make it again: `git worktree add ../again {self.commit}` and `dvc repro` there"
        )


class Snapshots:
    """The snapshots of a comparison, each opened once; the folders of revisions are removed at its end."""

    def __init__(self) -> None:
        """Start with the workspace."""
        self._open: dict[str, Snapshot] = {WORKSPACE: Snapshot(Path("."))}
        self._cache = Cache(Path("."))
        self._stack = ExitStack()

    def __enter__(self) -> "Snapshots":
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove the folders of revisions."""
        self._stack.close()

    def get(self, revision: str) -> Snapshot:
        """Return the snapshot of a revision.

        Raises:
            UserError: if git knows no such revision.
        """
        if revision not in self._open:
            commit = resolve(revision)
            if commit is None:
                raise UserError(unknown(revision))
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="complaints-"))
            self._open[revision] = PastSnapshot(revision, commit, Path(folder), self._cache)
        return self._open[revision]
