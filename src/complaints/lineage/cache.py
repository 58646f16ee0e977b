"""Objects of DVC's cache by md5, fetched from a remote where the cache lacks them; dvc.lock names them."""

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from complaints.core.errors import UserError
from complaints.core.files import file_digest


class Cache:
    """DVC's cache and a remote, as a project configures them; DVC is imported at the first use."""

    remote = "no remote was asked"
    """The remote's part in the message on an absent object."""

    def __init__(self, root: Path, name: str | None = None) -> None:
        """Name the root of the project and a remote, None for the default one."""
        self._root, self.name = root, name

    @functools.cached_property
    def _repo(self) -> Any:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        for name in ("dvc", "dvc_data", "dvc_objects"):  # they print tracebacks of what is one line here
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            return Repo(str(self._root))
        except DvcException as error:
            raise UserError(f"DVC cannot open the project ({' '.join(str(error).split())}); run `dvc status`") from None

    @property
    def directory(self) -> Path:
        """The folder that `dvc cache dir` prints."""
        return Path(self._repo.cache.local_cache_dir)

    def path(self, md5: str) -> Path:
        """Return the path of an object, which need not exist."""
        return Path(self._repo.cache.local.oid_to_path(md5))

    def has(self, md5: str | None) -> bool:
        """Return whether the cache has an object; None and "" stand for one that was never made."""
        return bool(md5) and self.path(str(md5)).is_file()

    def bring(self, md5s: Sequence[str]) -> list[str]:
        """Fetch the objects that the cache lacks from the remote, and return those that it still lacks.

        Raises:
            UserError: if the remote cannot be read, or there is none of its name.
        """
        missing = [md5 for md5 in md5s if not self.path(md5).exists()]
        if missing:
            self._fetch(missing)
        return [md5 for md5 in missing if not self.path(md5).exists()]

    def _fetch(self, md5s: Sequence[str]) -> None:
        from dvc.config import NoRemoteError
        from dvc_data.hashfile.hash_info import HashInfo

        name = self.name or self.default_remote
        if self.name:
            self._check_name(self.name)
        self.remote = f"the remote {name} does not have it" if name else "no default remote is configured"
        if lost := self._lost_folder(name):
            self.remote = lost
            return
        try:
            self._repo.cloud.pull([HashInfo("md5", md5) for md5 in md5s], remote=self.name)
        except NoRemoteError:
            return
        except Exception as error:  # of the network, a driver, or DVC itself
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"the remote {name} cannot be read ({reason}); `dvc remote list` shows its address"
            ) from None

    def _check_name(self, name: str) -> None:
        if name not in self._repo.config["remote"]:
            none = "none; `dvc remote add --default NAME ADDRESS` adds one"
            known = ", ".join(sorted(self._repo.config["remote"])) or none
            raise UserError(f"there is no remote {name!r}; there are: {known}")

    def _lost_folder(self, name: str | None) -> str | None:
        """Return a sentence on a remote that is a folder which is not there: to DVC it is one without objects."""
        address = str(self._repo.config["remote"].get(name, {}).get("url", ""))
        if not address or "://" in address or Path(address).is_dir():
            return None
        return f"the remote {name} cannot be read: there is no folder {address} (mount it, or make it with `dvc push`)"

    @property
    def default_remote(self) -> str | None:
        """The name of the default remote, None without one."""
        name: str | None = self._repo.config["core"].get("remote")
        return name

    def remote_objects(self, name: str) -> Any:
        """Return DVC's object database of a remote.

        Raises:
            UserError: if there is no such remote, its driver is not installed, or it keeps files by other names.
        """
        from dvc.exceptions import DvcException

        self._check_name(name)
        if lost := self._lost_folder(name):
            raise UserError(lost)
        try:
            return self._repo.cloud.get_remote_odb(name, "verify")
        except DvcException as error:
            raise UserError(f"the remote {name} cannot be opened ({' '.join(str(error).split())})") from None

    def checked(self, md5: str) -> Path:
        """Return the path of an object whose bytes have its md5.

        Raises:
            UserError: if they have another.
        """
        path = self.path(md5)
        if not md5.endswith(".dir") and file_digest(path, "md5") != md5:
            raise UserError(
                f"{path} in DVC's cache is damaged: its md5 is not {md5}; run `rm -f {path}`, then the command again"
            )
        return path
