"""Files inside folders that are outputs, from DVC's cache or the workspace."""

import functools
import json
from pathlib import Path

from complaints.core.dvc_lock import hash_path
from complaints.core.files import file_digest
from complaints.lineage.cache import Cache


def files_of(folder: Path) -> dict[str, str]:
    """Return path -> md5 of the files in a folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file_digest(file, "md5") for file in files}


class Listings:
    """Listings of folders, and the files in them, by md5; nothing is fetched from a remote."""

    def __init__(self, root: Path) -> None:
        """Name the root of the project."""
        self._root = root
        self._cache = Cache(root)
        self.get = functools.cache(self._get)
        self.file = functools.cache(self._file)
        self._md5_here = functools.cache(lambda path: hash_path(root, path))

    def _get(self, md5: str, path: str) -> dict[str, str]:
        """Return path -> md5 of the files of a folder; none if neither DVC's cache nor the workspace has it."""
        listing = self._cache.path(md5)
        if listing.is_file():
            return {entry["relpath"]: entry["md5"] for entry in json.loads(listing.read_bytes())}
        return files_of(self._root / path) if self._md5_here(path) == md5 else {}

    def _file(self, md5: str, path: str) -> Path | None:
        """Return a file of this md5: the object in DVC's cache, or the file in the workspace."""
        cached, here = self._cache.path(md5), self._root / path
        if cached.is_file():
            return cached
        return here if here.is_file() and self._md5_here(path) == md5 else None

    def size(self, md5: str) -> int | None:
        """Return the number of bytes of a file that DVC's cache has, None for another."""
        cached = self._cache.path(md5)
        return cached.stat().st_size if md5 and cached.is_file() else None
