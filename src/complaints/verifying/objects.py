"""Objects that dvc.lock needs, in DVC's cache or on a remote: each must be there, with the bytes that its name says."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from complaints.core.dvc_lock import Entry, Stage
from complaints.core.errors import UserError
from complaints.lineage.cache import Cache
from complaints.lineage.hashes import BLOCK_BYTES, Hashes
from complaints.lineage.problems import Problem

FOLDER = ".dir"
"""End of the name of an object that is the listing of a folder."""
REMOTE_STREAMS = 4
"""Objects that are read from a remote at a time, for each processor: most of the time is waiting."""


class Store(Protocol):
    """A place with objects."""

    kind: Any
    """Kind of its problems."""
    name: str

    def address(self, md5: str) -> str:
        """Return where an object is."""

    def md5s(self, names: Iterable[str]) -> Mapping[str, str | UserError | None]:
        """Return the md5 of each object's bytes, None for one that is missing, an error for one without a hash."""

    def read(self, md5: str) -> bytes:
        """Return the bytes of an object."""


class CacheStore:
    """DVC's cache."""

    kind = "object"
    name = "DVC's cache"

    def __init__(self, cache: Cache, hashes: Hashes) -> None:
        """Share the hashes of the workspace: a file that is linked to the cache is read once."""
        self._cache, self._hashes = cache, hashes

    def address(self, md5: str) -> str:
        """Return the path of an object."""
        return str(self._cache.path(md5))

    def md5s(self, names: Iterable[str]) -> Mapping[str, str | UserError | None]:
        """Return the md5 of each object's bytes."""
        paths = {name: self._cache.path(name) for name in names}
        found = self._hashes.of_files(paths.values())
        return {name: found[path] for name, path in paths.items()}

    def read(self, md5: str) -> bytes:
        """Return the bytes of an object."""
        return self._cache.path(md5).read_bytes()


class RemoteStore:
    """A remote, read through DVC's own file systems."""

    kind = "remote"

    def __init__(self, cache: Cache, remote: str, on_read: Callable[[int], None]) -> None:
        """Open a remote of the project.

        Raises:
            UserError: if there is no such remote, or it does not keep objects by their hash.
        """
        self.name = f"the remote {remote}"
        self._remote, self._on_read = remote, on_read
        self._odb = cache.remote_objects(remote)

    def address(self, md5: str) -> str:
        """Return the address of an object."""
        return str(self._odb.fs.unstrip_protocol(self._odb.oid_to_path(md5))).removeprefix("file://")

    def md5s(self, names: Iterable[str]) -> Mapping[str, str | UserError | None]:
        """Return the md5 of each object's bytes, read in blocks by parallel threads.

        Raises:
            UserError: if the remote cannot be read.
        """
        wanted = list(names)
        with ThreadPoolExecutor(REMOTE_STREAMS * (os.cpu_count() or 1)) as pool:
            return dict(zip(wanted, pool.map(self._md5, wanted), strict=True))

    def _md5(self, name: str) -> str | None:
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with self._odb.fs.open(self._odb.oid_to_path(name), "rb") as stream:
                while block := stream.read(BLOCK_BYTES):
                    digest.update(block)
                    self._on_read(len(block))
        except FileNotFoundError as error:
            cause = error.__cause__  # fsspec says so of a web server that it does not reach, too
            if cause is not None and not isinstance(cause, FileNotFoundError):
                raise self._broken(cause) from None
            return None
        except Exception as error:  # of the network or a driver
            raise self._broken(error) from None
        return digest.hexdigest()

    def read(self, md5: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            UserError: if the remote cannot be read.
        """
        try:
            return bytes(self._odb.fs.cat_file(self._odb.oid_to_path(md5)))
        except Exception as error:  # of the network or a driver
            raise self._broken(error) from None

    def _broken(self, error: BaseException) -> UserError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return UserError(f"the remote {self._remote} cannot be read ({reason}); `dvc remote list` shows its address")


@dataclass(frozen=True)
class Lost:
    """An object that is missing or damaged, and the output that needs it."""

    problem: Problem
    md5: str
    out: Entry
    address: str
    is_there: bool
    listing: str | None
    """Address of the listing of the folder that the object is in, None for a file or a listing."""


def check_objects(
    store: Store, needed: Iterable[tuple[Stage, Entry]], listing: Callable[[Entry], Mapping[str, str]]
) -> tuple[list[Lost], int]:
    """Return the objects that are missing or damaged, and the number of objects that are needed.

    Args:
        store: The cache or a remote.
        needed: The outputs in dvc.lock with their stages.
        listing: Returns the md5 of each file of a folder by its path in it, where the store's own listing is lost.
    """
    outs = list(needed)
    users = {out.md5: (stage, out, out.path) for stage, out in reversed(outs)}
    found = dict(store.md5s(users))
    folders = {name: out for name, (_, out, _) in users.items() if name.endswith(FOLDER)}
    for name, out in folders.items():
        whole = found[name] == name.removesuffix(FOLDER)
        files = _parse(store.read(name)) if whole else listing(out)
        for path, md5 in files.items():
            users.setdefault(md5, (users[name][0], out, f"{out.path}/{path}"))
    found |= store.md5s(name for name in users if name not in found)
    lost = [
        _lost(store, name, found[name], *user)
        for name, user in users.items()
        if found[name] != name.removesuffix(FOLDER)
    ]
    return lost, len(users)


def _parse(listing: bytes) -> dict[str, str]:
    """Return the md5 of each file by its path in the folder."""
    return {entry["relpath"]: entry["md5"] for entry in json.loads(listing)}


def _lost(store: Store, name: str, now: str | UserError | None, stage: Stage, out: Entry, path: str) -> Lost:
    address = store.address(name)
    if isinstance(now, UserError):
        message = str(now)
    elif now is None:
        message = f"{store.name} lacks {address}, which is {path}"
    else:
        message = f"{address} in {store.name}, which is {path}, is damaged: its md5 is {now}"
    listing = store.address(out.md5) if out.md5.endswith(FOLDER) and name != out.md5 else None
    return Lost(Problem(stage.name, path, store.kind, message), name, out, address, now is not None, listing)
