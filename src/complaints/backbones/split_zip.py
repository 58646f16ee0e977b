"""Zip files split over several files: one seekable stream, and a safe extraction of named members."""

import io
import stat
import zipfile
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any
from zlib import error as ZlibError

from complaints.core.errors import UserError

MAX_BYTES = 2**30
"""Largest sum of the sizes of the members to extract."""
CHUNK = 2**20


class JoinedFiles(io.RawIOBase):
    """Files, one after the other, as one seekable stream of bytes; no joined copy is made."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the files at `paths`, which must not be empty."""
        self._files = [path.open("rb", buffering=0) for path in paths]
        self._ends = list(accumulate(path.stat().st_size for path in paths))
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, and return it."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._ends[-1]}[whence]
        if origin + offset < 0:
            raise OSError("a position before the start of the stream")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the file at the position, up to its end, and return the number of bytes."""
        index = bisect_right(self._ends, self._position)
        if index == len(self._files):
            return 0
        file = self._files[index]
        file.seek(self._position - (self._ends[index - 1] if index else 0))
        count = file.readinto(buffer)
        self._position += count
        return count

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
        super().close()


def _check_member(member: zipfile.ZipInfo) -> None:
    """Refuse a member that could lead out of the folder, or that is neither a file nor a folder."""
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
        raise ValueError(f"the member {member.filename!r} leads out of the archive")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"the member {member.filename!r} is a link or a device")
    if member.flag_bits & 1:
        raise ValueError(f"the member {member.filename!r} is encrypted")


def _find_members(archive: zipfile.ZipFile, root: str, names: Iterable[str], limit: int) -> dict[str, zipfile.ZipInfo]:
    """Return the member of each name, of which there is exactly one, and whose sizes are at most `limit` bytes."""
    members = archive.infolist()
    for member in members:
        _check_member(member)
    found = {}
    for name in names:
        path = f"{root}/{name}"
        same = [member for member in members if member.filename == path]
        if len(same) != 1:
            raise ValueError(f"it has {len(same)} members {path!r} in place of one")
        found[name] = same[0]
    size = sum(member.file_size for member in found.values())
    if size > limit:
        raise ValueError(f"its files would take {size:,} bytes, more than {limit:,}")
    return found


def extract(parts: Sequence[Path], root: str, names: Iterable[str], folder: Path, limit: int = MAX_BYTES) -> None:
    """Write members of a split zip file into `folder`; no other member is read.

    Args:
        parts: The files that the zip file is split over, in their order.
        root: Folder of the members within the zip file.
        names: Their paths within `root`.
        folder: The folder to write into.
        limit: Largest sum of their sizes, in bytes.

    Raises:
        UserError: if the zip file is damaged, lacks a member, has one that leads out of the folder, is a link or is
            encrypted, or the members are larger than `limit`.
    """
    try:
        with JoinedFiles(parts) as joined, zipfile.ZipFile(io.BufferedReader(joined, CHUNK)) as archive:
            for name, member in _find_members(archive, root, names, limit).items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as sink:
                    # A member's bytes end at its declared size, which was compared with the limit.
                    while chunk := source.read(CHUNK):
                        sink.write(chunk)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, ZlibError) as error:
        raise UserError(f"the zip file in {parts[0].name} and its other parts is refused: {error}") from None
