"""Snapshots of the project: the workspace, or a git revision whose files are read without a checkout."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from complaints.comparing.cache import Cache
from complaints.comparing.revisions import git_output, resolve, unknown
from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.dvc_lock import Stage, read_lock
from complaints.core.errors import UserError
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.lock import without_removed_entries

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

    def bring_part(self, folder: Path, name: str) -> None:
        """Make one file of a folder readable under `root`, if that is possible."""

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
        objects = {}
        for file in files:
            target = self.root / file
            if target.exists():
                continue
            if (content := git_output("cat-file", "blob", f"{self.commit}:./{file.as_posix()}")) is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            else:
                objects[file] = self._md5(file)
        for md5 in self._cache.bring(list(objects.values())):
            file = next(file for file, wanted in objects.items() if wanted == md5)
            raise UserError(self._absent(file, md5))
        for file, md5 in objects.items():
            self._link(file, md5)

    def bring_part(self, folder: Path, name: str) -> None:
        """Make one file of a folder readable under `root`, if the revision has it in the cache or the remote."""
        md5 = next((out.md5 for stage in self.lock.values() for out in stage.outs if Path(out.path) == folder), None)
        if md5 is None or (self.root / folder / name).exists() or self._cache.bring([md5]):
            return
        entries = json.loads(self._cache.path(md5).read_bytes())
        part = next((entry["md5"] for entry in entries if entry["relpath"] == name), None)
        if part is not None and not self._cache.bring([part]):
            self._link(folder / name, part)

    def _md5(self, file: Path) -> str:
        """Return the md5 of an output in dvc.lock."""
        if file in (LOCK_FILE, PARAMS_FILE):
            raise UserError(f"{self.name} has no {file}; name a revision of this project after its first `dvc repro`")
        outs = {Path(out.path): out.md5 for stage in self.lock.values() for out in stage.outs}
        if file not in outs:
            raise UserError(f"dvc.lock of {self.name} has no {file}: no stage had made it; name another revision")
        return outs[file]

    def _absent(self, file: Path, md5: str) -> str:
        """Return the message for an output that only another machine can have."""
        push = "dvc push --all-commits"
        if git_output("rev-parse", "--verify", "--quiet", "--end-of-options", self.name) is None:
            push = f"dvc exp push origin {self.name}"
        return (
            f"{self.name}:{file} (md5 {md5}) is not in DVC's cache, and {self._cache.remote}; run `{push}` on the "
            f"machine that made it, or make it again: `git worktree add ../again {self.commit}` and `dvc repro` there"
        )

    def _link(self, file: Path, md5: str) -> None:
        target = self.root / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(self._cache.checked(md5))


class Snapshots:
    """The snapshots of a comparison, each opened once; the folders of revisions are removed at its end."""

    def __init__(self) -> None:
        """Start with the workspace."""
        self._open: dict[str, Snapshot] = {WORKSPACE: Snapshot(Path("."))}
        self._cache = Cache()
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
