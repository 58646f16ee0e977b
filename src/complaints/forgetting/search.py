"""Search of files for withdrawn complaints: DVC's cache, the workspace, MLflow's store and git's objects."""

import mmap
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from complaints.core.errors import UserError
from complaints.forgetting.matcher import PARTS, Matcher
from complaints.forgetting.strings import HEAD, UnreadableError, is_binary, strings
from complaints.lineage.git import git, git_bytes

PARQUET = b"PAR1"
LARGEST_BLOB = 2**30
RUNS = "runs"
"""Folder of DVC's run cache in the cache; its files name hashes and parameters."""

Where = Literal["cache", "workspace", "mlflow", "git", "remote"]
NOT_SEARCHED = frozenset({".git", "__pycache__", "node_modules"})


@dataclass(frozen=True)
class Found:
    """A file that holds withdrawn complaints, or cannot be read."""

    where: Where
    name: str
    """Path in the workspace; md5 of an object; id and path of a blob in git."""
    parts: frozenset[str]
    """Some of PARTS, `checkpoint`, or `unreadable: ` and the reason."""
    path: Path | None = None

    @property
    def holds(self) -> bool:
        """Whether the file is known to hold a complaint."""
        return bool(self.parts & PARTS)

    @property
    def is_unreadable(self) -> bool:
        """Whether the content could not be read to its end."""
        return any(part.startswith("unreadable") for part in self.parts)


def _in_binary(path: Path, matcher: Matcher) -> set[str]:
    """Return the parts of known complaints among the bytes of a file."""
    if path.stat().st_size == 0:
        return set()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:

        def has(values: set[str], shortest: int) -> bool:
            return any(len(value) >= shortest and content.find(value.encode()) >= 0 for value in values)

        return {part for part, values in (("id", matcher.ids), ("text", matcher.texts)) if has(values, 6)}


def search_stream(stream: Any, matcher: Matcher) -> set[str]:
    """Return the parts of withdrawn complaints in an open file: some of PARTS, `unreadable: ...`."""
    within = not stream.read(len(PARQUET)).startswith(PARQUET)
    stream.seek(0)
    found: set[str] = set()
    try:
        for string in strings(stream):
            found |= matcher.find(string, within)
    except UnreadableError as error:
        found.add(f"unreadable: {error}")
    return found - {"excerpt"} if "text" in found else found


def search_file(path: Path, matcher: Matcher) -> set[str]:
    """Return the parts of withdrawn complaints in a file."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            found = search_stream(file, matcher)
        return found | (_in_binary(path, matcher) if is_binary(head) else set())
    except OSError as error:
        return {f"unreadable: {error.strerror}"}


def _is_table(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) == PARQUET
    except OSError:
        return False


def search(
    where: Where, files: Sequence[tuple[str, Path]], matcher: Matcher, quiet: Callable[[Path], bool] = lambda _: False
) -> list[Found]:
    """Return the files that hold withdrawn complaints; tables are read first, since texts found there are searched for.

    Args:
        where: The kind of place.
        files: Name and path of each file.
        matcher: The complaints; it learns their ids and texts.
        quiet: Whether a file that cannot be read is of no interest.
    """
    ordered = sorted(files, key=lambda item: (not _is_table(item[1]), item))
    found = []
    for name, path in tqdm(ordered, desc=f"search {where}", unit=" files", disable=None):
        parts = search_file(path, matcher)
        if parts & PARTS or (parts and not quiet(path)):
            found.append(Found(where, name, frozenset(parts), path))
    return found


def cache_files(cache: Path) -> list[tuple[str, Path]]:
    """Return md5 (with `.dir` for a folder) and path of the objects in a cache of DVC, and the rest by their paths."""
    if not cache.is_dir():
        return []
    found = []
    for parent, folders, names in os.walk(cache):
        if Path(parent) == cache and RUNS in folders:
            folders.remove(RUNS)
        for name in names:
            folder = Path(parent).name
            md5 = folder + name if len(folder) == 2 and len(name.partition(".")[0]) == 30 else f"{parent}/{name}"
            found.append((md5, Path(parent) / name))
    return found


def workspace_files(root: Path, without: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return path relative to the root, and path, of the files of a workspace, ignored ones included.

    Links are left out: what they lead to is in the cache, or outside of the project. So are virtual environments.

    Args:
        root: The root of the project.
        without: Folders and files to leave out, such as the cache.
    """
    skipped = {path.resolve() for path in without}
    found = []
    for parent, folders, names in os.walk(root):
        here = Path(parent)
        folders[:] = [
            name
            for name in folders
            if name not in NOT_SEARCHED
            and (here / name).resolve() not in skipped
            and not (here / name / "pyvenv.cfg").is_file()
            and not (here / name).is_symlink()
        ]
        for name in names:
            path = here / name
            if path.is_file() and not path.is_symlink() and path.resolve() not in skipped:
                found.append((path.relative_to(root).as_posix(), path))
    return found


def _blobs(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield id and content of every blob that git has, also of those that no reference reaches."""
    listing = git(root, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
    rows = [line.split() for line in (listing or "").splitlines()]
    wanted = [name for name, kind, size in rows if kind == "blob" and int(size) < LARGEST_BLOB]
    process = subprocess.Popen(["git", "cat-file", "--batch"], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for name in wanted:
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            size = int(process.stdout.readline().split()[2])
            content = process.stdout.read(size)
            process.stdout.read(1)
            yield name, content
        process.stdin.close()


def search_git(root: Path, matcher: Matcher) -> list[Found]:
    """Return the blobs in git that hold withdrawn complaints, with a path of each.

    Raises:
        UserError: if git fails.
    """
    if git(root, "rev-parse", "--git-dir") is None:
        return []
    try:
        found = {name: parts for name, content in _blobs(root) if (parts := search_stream(BytesIO(content), matcher))}
    except (OSError, IndexError, ValueError) as error:
        raise UserError(f"git's objects cannot be read ({error}); run `git fsck`") from None
    holding = {name: parts for name, parts in found.items() if parts & PARTS}
    paths: dict[str, str] = {}
    if holding:
        listing = git_bytes(root, "rev-list", "--all", "--objects") or b""
        for line in listing.decode(errors="replace").splitlines():
            name, _, path = line.partition(" ")
            if name in holding:
                paths.setdefault(name, path)
    return [
        Found("git", f"{name[:12]} {paths.get(name, '(no reference reaches it)')}", frozenset(parts))
        for name, parts in sorted(holding.items(), key=lambda item: paths.get(item[0], ""))
    ]
