"""Remotes of DVC: the objects that they have, a search of those that the cache lacks, and their removal."""

import contextlib
import logging
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from complaints.core.errors import UserError, without_credentials
from complaints.forgetting.matcher import Matcher
from complaints.forgetting.search import Found, search_file

NO_OBJECT = "0" * 32


class RemoteError(Exception):
    """A remote that cannot be reached; the message is the reason in one line."""


def _reached(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except RemoteError:
        raise
    except Exception as error:  # of the network, a driver, or DVC itself
        raise RemoteError(" ".join(str(error).split()) or type(error).__name__) from None


class Remote:
    """A remote of a project."""

    def __init__(self, root: Path, name: str) -> None:
        """Name the remote; it is opened at the first use.

        Raises:
            UserError: if the project has no remote of this name.
        """
        from dvc.repo import Repo

        for logger in ("dvc", "dvc_data", "dvc_objects"):
            logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
        self._repo = Repo(str(root))
        self.name = name
        known = self._repo.config["remote"]
        if name not in known:
            raise UserError(f"DVC has no remote {name}; there are {', '.join(known) or 'none'} (`dvc remote list`)")
        self.address = without_credentials(str(known[name].get("url", "")))
        self._odb: Any = None

    def _store(self) -> Any:
        if self._odb is None:
            self._odb = self._repo.cloud.get_remote_odb(self.name)
        return self._odb

    def _check_reached(self) -> None:
        """Read an object that cannot be there: some drivers take a server that does not answer for an empty one."""
        store = self._store()
        if store.fs.protocol == "local":
            if not Path(store.path).is_dir():
                raise RemoteError("its folder is not there, or empty")
            return
        with contextlib.suppress(FileNotFoundError):
            store.fs.fs.cat_file(store.oid_to_path(NO_OBJECT))

    def has(self, md5s: Collection[str]) -> set[str]:
        """Return which of the objects the remote has.

        Raises:
            RemoteError: if it cannot be reached.
        """

        def run() -> set[str]:
            found = set(self._store().list_oids_exists(sorted(md5s)))
            if not found:
                self._check_reached()
            return found

        result: set[str] = _reached(run) if md5s else set()
        return result

    def search(self, known: Collection[str], matcher: Matcher) -> list[Found]:
        """Return the objects that hold withdrawn complaints; those not in `known` are downloaded one at a time.

        Args:
            known: md5s of objects whose content is known already.
            matcher: The complaints.

        Raises:
            RemoteError: if it cannot be reached.
        """

        def run() -> list[Found]:
            found = []
            store = self._store()
            with tempfile.TemporaryDirectory(prefix="complaints-") as folder:
                copy = Path(folder) / "object"
                for md5 in sorted(set(store.all()) - set(known)):
                    store.fs.get_file(store.oid_to_path(md5), str(copy))
                    parts = search_file(copy, matcher)
                    copy.unlink()
                    if parts:
                        found.append(Found("remote", md5, frozenset(parts)))
            return found

        result: list[Found] = _reached(run)
        return result

    def remove(self, md5s: Collection[str]) -> None:
        """Remove objects, and what DVC remembers of the remote; absent objects are passed over.

        Raises:
            RemoteError: if it cannot be reached, or one of the objects is still there.
        """

        def run() -> None:
            from dvc_data.hashfile.db import get_index

            store = self._store()
            for md5 in sorted(self.has(md5s)):
                store.delete(md5)
            get_index(store).clear()

        _reached(run)
        if left := self.has(md5s):
            raise RemoteError(f"{len(left)} objects are still there after their removal")


def remote_names(root: Path) -> list[str]:
    """Return the names of the remotes of a project.

    Raises:
        UserError: if DVC cannot open the project.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            return sorted(repo.config["remote"])
    except DvcException as error:
        raise UserError(f"DVC cannot open the project ({' '.join(str(error).split())}); run `dvc status`") from None
