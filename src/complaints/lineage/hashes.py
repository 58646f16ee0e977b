"""MD5s of files and folders as DVC computes them: each file is read once, however many paths and links lead to it."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from complaints.core.dvc_lock import files_in, folder_md5
from complaints.core.errors import UserError

BLOCK_BYTES = 1 << 20

Inode = tuple[int, int]
"""Device and number of a file: hard links, symbolic links and relative paths of one file share it."""


def ignore(count: int) -> None:
    """Ignore a number of bytes."""


class Hashes:
    """DVC's md5s of paths of a project and of other files, computed in parallel threads and kept."""

    def __init__(
        self, root: Path, on_plan: Callable[[int], None] = ignore, on_read: Callable[[int], None] = ignore
    ) -> None:
        """Start without any.

        Args:
            root: The folder of dvc.yaml.
            on_plan: Called with the number of bytes that are to be read, before they are.
            on_read: Called with the number of bytes that were read since its last call, by one thread at a time.
        """
        self.root = root.resolve()
        self.md5s: dict[str, str | None] = {}
        """DVC's md5 of each path that was hashed, None for one that is missing or has no hash."""
        self.problems: dict[str, str] = {}
        """Reason of each path that is there and has no hash."""
        self.bytes = 0
        """Number of bytes read."""
        self._on_plan, self._on_read = on_plan, on_read
        self._files: dict[str, list[Path]] = {}
        self._known: dict[Inode, str] = {}
        self._lock = threading.Lock()

    def add(self, paths: Iterable[str]) -> None:
        """Hash paths of the project, files or folders; those that were hashed before are not read again."""
        new = sorted({path for path in paths if path not in self.md5s})
        for path in new:
            self.md5s[path] = None
            try:
                self._files[path] = self._list(path)
            except UserError as error:
                self.problems[path] = str(error)
        found = self.of_files(file for path in new for file in self._files.get(path, ()))
        for path in new:
            broken = [md5 for file in self._files.get(path, ()) if isinstance(md5 := found[file], UserError)]
            if broken:
                self.problems[path] = str(broken[0])
            elif path in self._files and path not in self.problems:
                self.md5s[path] = self._md5(path)

    def _list(self, path: str) -> list[Path]:
        """Return the files of a path: itself, or those of a folder.

        Raises:
            UserError: as `hash_path` does.
        """
        full = self.root / path
        return files_in(self.root, full) if full.is_dir() else [full]

    def _md5(self, path: str) -> str | None:
        full = self.root / path
        if full.is_dir():
            return folder_md5(self.listing(path).items())
        return self._known[_inode(full)] if os.path.lexists(full) else None

    def amount(self, path: str) -> tuple[int, int | None] | None:
        """Return the number of bytes of a path that was hashed, and of a folder that of its files; None without."""
        full = self.root / path
        if path in self.problems or path not in self._files or not full.exists():
            return None
        files = self._files[path]
        return sum(file.stat().st_size for file in files), len(files) if full.is_dir() else None

    def listing(self, path: str) -> dict[str, str]:
        """Return the md5 of each file of a folder that was hashed, by its path in the folder; empty for a file."""
        full = self.root / path
        if not full.is_dir() or path in self.problems:
            return {}
        return {file.relative_to(full).as_posix(): self._known[_inode(file)] for file in self._files[path]}

    def of_files(self, files: Iterable[Path]) -> dict[Path, str | UserError | None]:
        """Return the md5 of each file, None for one that is missing, and an error for one that has no hash."""
        found: dict[Path, str | UserError | None] = {}
        inodes: dict[Path, Inode] = {}
        sizes: dict[Inode, tuple[int, Path]] = {}
        for file in set(files):
            found[file] = None
            if not os.path.lexists(file):
                continue
            if not file.is_file():
                found[file] = UserError(f"{file} is neither a file nor a link to one, so it has no hash; remove it")
                continue
            inodes[file] = _inode(file)
            if inodes[file] not in self._known:
                sizes[inodes[file]] = (file.stat().st_size, file)
        self._on_plan(sum(size for size, _ in sizes.values()))
        failed: dict[Inode, UserError] = {}
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # the largest first, so that no thread is left with it
            order = sorted(sizes, key=lambda inode: -sizes[inode][0])
            for inode, md5 in zip(order, pool.map(self._read, (sizes[inode][1] for inode in order)), strict=True):
                if isinstance(md5, UserError):
                    failed[inode] = md5
                else:
                    self._known[inode] = md5
        return found | {file: failed.get(inode) or self._known[inode] for file, inode in inodes.items()}

    def _read(self, file: Path) -> str | UserError:
        """Return the md5 of a file's bytes, read in blocks, or an error if it cannot be read."""
        digest, block = hashlib.md5(usedforsecurity=False), bytearray(BLOCK_BYTES)
        try:
            with open(file, "rb", buffering=0) as stream:
                while count := stream.readinto(block):
                    digest.update(memoryview(block)[:count])
                    with self._lock:
                        self.bytes += count
                        self._on_read(count)
        except OSError as error:
            return UserError(f"{file} cannot be read: {error.strerror}")
        return digest.hexdigest()


def _inode(file: Path) -> Inode:
    status = file.stat()
    return status.st_dev, status.st_ino
