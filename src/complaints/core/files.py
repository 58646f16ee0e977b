"""Atomic writes of files and folders, with bytes that depend on the content alone."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from complaints.core.errors import UserError
from complaints.core.inputs import check_regular


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; it replaces `path` on success and is removed on an exception."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        _fsync(temporary)
        os.replace(temporary, path)
        _fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder next to `path`; it replaces `path` on success and is removed on an exception."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in temporary.rglob("*"):
            if file.is_file():
                _fsync(file)
        old = temporary.with_name(temporary.name + ".old")
        if path.exists():
            os.rename(path, old)
        os.rename(temporary, path)
        _fsync(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with a final newline, atomically."""
    with replacing_file(path) as temporary:
        temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Any) -> None:
    """Write strict JSON (no NaN), keys sorted, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False))


def read_json(path: str | Path) -> Any:
    """Read a JSON file that an earlier stage wrote.

    Raises:
        UserError: if the file is missing, not a regular file or not valid JSON.
    """
    check_regular(path)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to make it") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}); run `dvc repro` to make it again") from None


def file_digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def hash_files(files: Iterable[Path]) -> str:
    """Return the sha256 of names and contents of files, in the given order."""
    listing = "".join(f"{file.name} {file_digest(file)}\n" for file in files)
    return hashlib.sha256(listing.encode()).hexdigest()


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Turn a failed write, for example on a full disk, into a UserError.

    Raises:
        UserError: if a file could not be written.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{name} cannot be written ({error}); earlier files are kept: free some space and run this again, which "
            "resumes from the newest checkpoint if there is one"
        ) from None
