"""Atomic writes of files and folders, with bytes that depend on the content alone."""

import contextlib
import csv
import fcntl
import glob
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from complaints.core.errors import UserError, broken_output


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _destination(path: str | Path) -> Path:
    """Return the path to replace for an output: the target of a link, so that the link stays.

    A link to a file without write permission is replaced itself: its target is an object of DVC's cache.

    Raises:
        UserError: if something other than a file or folder is there, such as a pipe or a device.
    """
    path = Path(path)
    real = Path(os.path.realpath(path))
    if real.exists() and not (real.is_file() or real.is_dir()):
        raise UserError(f"{path} is neither a file nor a folder and is not replaced; remove it, or write elsewhere")
    if path.is_symlink() and real.is_file() and not real.stat().st_mode & 0o222:
        return path.parent.resolve() / path.name
    return real


def _sweep(target: Path) -> None:
    """Remove the temporary files and folders that killed processes left beside `target`; living ones hold a lock."""
    for left in target.parent.glob(f".{glob.escape(target.name[:50])}.*~"):
        try:
            descriptor = os.open(left, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
        except OSError:
            continue  # a living process writes it, or the file system has no locks
        finally:
            os.close(descriptor)


@contextmanager
def _temporary(target: Path, is_folder: bool) -> Iterator[tuple[Path, int]]:
    """Yield an empty temporary file or folder beside `target`, locked, and the mode that the umask gives it.

    .dvcignore and .gitignore leave out names that end in `~`: what a killed process leaves changes no hash.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(4)}~")
    if is_folder:
        temporary.mkdir()
    else:
        temporary.touch(exist_ok=False)
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield temporary, stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        shutil.rmtree(temporary, ignore_errors=True) if is_folder else temporary.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def replacing_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it replaces `path` on success and is removed on an exception.

    A new file has the mode that the umask gives it, a replaced one keeps its own. A link is written through.

    Raises:
        UserError: if `path` is a folder, a pipe or a device.
    """
    target = _destination(path)
    if target.is_dir():
        raise UserError(f"{path} is a folder; a file is to be written there: remove it, or name another file")
    with _temporary(target, is_folder=False) as (temporary, mode):
        yield temporary
        exists = target.exists() and not target.is_symlink()
        temporary.chmod(stat.S_IMODE(target.stat().st_mode) if exists else mode)
        _fsync(temporary)
        os.replace(temporary, target)
        _fsync(target.parent)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` on success and is removed on an exception.

    A new folder has the mode that the umask gives it, a replaced one keeps its own, and the files have the same without
    the right to execute. A link is written through.

    Raises:
        UserError: if `path` is a pipe or a device.
    """
    target = _destination(path)
    with _temporary(target, is_folder=True) as (temporary, mode):
        yield temporary
        if target.is_dir():
            mode = stat.S_IMODE(target.stat().st_mode)
        for file in temporary.rglob("*"):
            file.chmod(mode if file.is_dir() else mode & 0o666)
            _fsync(file)
        temporary.chmod(mode)
        old = temporary.with_name(f"{temporary.name}.old~")
        if target.exists():
            os.rename(target, old)
        os.rename(temporary, target)
        _fsync(target.parent)
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with a final newline, atomically."""
    with replacing_file(path) as temporary:
        temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Any) -> None:
    """Write strict JSON (no NaN), keys sorted, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False))


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV with the same line ends on every system, atomically."""
    with replacing_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_json(path: str | Path) -> Any:
    """Read a JSON file that an earlier stage wrote.

    Raises:
        UserError: if the file is missing, cannot be read or is not valid JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to make it") from None
    except OSError as error:
        raise broken_output(path, f"cannot be read ({error.strerror})") from None
    except RecursionError:
        raise broken_output(path, "is not the JSON of a stage: its values are nested too deeply") from None
    except ValueError as error:
        raise broken_output(path, f"is not valid JSON ({error})") from None


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
