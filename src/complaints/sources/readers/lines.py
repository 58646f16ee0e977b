"""Lines of a user's text file, plain or compressed, read strictly and as a stream."""

import codecs
import gzip
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from complaints.core.errors import UserError

LINE_CHARACTERS = 32 * 2**20
EXPANSION = 200
EXPANDED_FLOOR = 2**26
"""Limit of a decompressed archive: 64 MiB, or 200 times its size if that is more; complaints compress to a sixth."""

MAGIC = {
    b"PAR1": "a Parquet file",
    b"PARE": "an encrypted Parquet file",
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstandard file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
}
COMPRESSED = {".gz": "a gzip file", ".zip": "a zip archive"}
HTML_STARTS = (b"<!doctype", b"<html", b"<head", b"<?xml")

DAMAGES = (
    *(OSError, EOFError, ValueError, IndexError, NotImplementedError),
    *(struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
"""Exceptions of gzip and zipfile for an archive that is truncated, altered or compressed by an unknown method."""


def shown(value: object) -> str:
    """Return a value as one short line, for a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def content_of(head: bytes) -> str:
    """Return the type of a file by its first bytes: a value of MAGIC, "a web page", or "text"."""
    for magic, content in MAGIC.items():
        if head.startswith(magic):
            return content
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return "a web page" if start.startswith(HTML_STARTS) else "text"


def check_file(path: Path) -> None:
    """Raise UserError unless `path` is a regular, readable file that is not empty."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UserError(f"{path} is a folder; fetch.path must name a file")
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} is not a regular file; copy its content to one")
        path.open("rb").close()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; set fetch.path to the file with the complaints") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path} cannot be opened ({reason}); set fetch.path to a readable file") from None
    if status.st_size == 0:
        raise UserError(f"{path} is empty")


def _open_zipped(file: BinaryIO, path: Path) -> IO[bytes]:
    """Open the only file of an archive; it is not extracted to disk, so its path in the archive does not matter."""
    try:
        archive = zipfile.ZipFile(file)
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
        if len(members) != 1:
            names = ", ".join(shown(member.filename) for member in members[:5])
            raise UserError(f"{path} holds {len(members)} files ({names}); it must hold exactly one")
        if members[0].flag_bits & 1:
            raise UserError(f"{path} is encrypted; extract it first")
        return archive.open(members[0])
    except UnicodeDecodeError:
        # Distinct from a UnicodeDecodeError in the text of the complaints.
        raise zipfile.BadZipFile("a name in the archive is not UTF-8") from None


@contextmanager
def _decompressed(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file, through gzip or zip according to its name, and check that its content has the type of its name."""
    check_file(path)
    suffix = path.suffix.lower()
    with open(path, "rb") as file:
        content = content_of(file.read(512))
        expected = COMPRESSED.get(suffix, "text")
        if content != expected:
            raise UserError(f"{path} is not what its name says: {expected} was expected, but it begins like {content}")
        file.seek(0)
        if suffix == ".gz":
            with gzip.GzipFile(fileobj=file) as stream:
                yield io.BufferedReader(stream, 2**16)
        elif suffix == ".zip":
            with _open_zipped(file, path) as member:
                yield io.BufferedReader(cast(zipfile.ZipExtFile, member), 2**16)
        else:
            yield file


def _decoding_error(path: Path, encoding: str, lines: int, error: UnicodeDecodeError) -> UserError:
    """Return an error with the line: lines already yielded, plus lines before the wrong byte in the current block."""
    before = error.object[: error.start].decode(encoding, errors="replace")
    line = lines + 1 + before.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    byte = error.object[error.start]
    return UserError(f"{path}, line {line}: byte 0x{byte:02x} is not {encoding}; set fetch.file.encoding")


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    r"""Yield the lines of a text file (plain, .gz, or a .zip of one file) with their line endings.

    A byte order mark is dropped; \n, \r\n and \r all end a line.

    Raises:
        UserError: for a file that is missing, empty, damaged, of another type than its name says, or not in `encoding`;
            for a NUL byte, a line of more than 32 Mi characters, and an archive with too high a compression ratio.
    """
    try:
        codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        # The first line refuses codecs that are not text encodings, the second those that cannot replace a wrong byte.
        io.TextIOWrapper(io.BytesIO(), encoding=codec)
        b"a".decode(codec, errors="replace")
    except (LookupError, ValueError):
        raise UserError(f"fetch.file.encoding: {shown(encoding)} is not a text encoding that Python knows") from None
    lines = characters = 0
    try:
        with _decompressed(path) as stream:
            head = stream.peek(512)[:512]
            if not head:
                raise UserError(f"{path} is empty")
            if (content := content_of(head)) != "text":
                raise UserError(f"{path} is not what its name says: text was expected, but inside is {content}")
            allowed = max(EXPANDED_FLOOR, EXPANSION * path.stat().st_size)
            text = io.TextIOWrapper(stream, encoding=codec, newline="")
            while line := text.readline(LINE_CHARACTERS):
                lines += 1
                characters += len(line)
                if "\0" in line:
                    raise UserError(f"{path}, line {lines}: a NUL byte; the file is damaged or not {encoding}")
                if len(line) == LINE_CHARACTERS:
                    raise UserError(f"{path}, line {lines}: longer than {LINE_CHARACTERS:,} characters")
                if characters > allowed:
                    raise UserError(f"{path}, line {lines}: expands to over {EXPANSION} times its size; extract it")
                yield line
    except UnicodeDecodeError as error:
        raise _decoding_error(path, encoding, lines, error) from None
    except UnicodeError as error:
        raise UserError(f"{path} is not {encoding} ({error}); set fetch.file.encoding") from None
    except DAMAGES as error:
        reason = shown(str(error) or type(error).__name__)
        after = f" after line {lines}" if lines else ""
        raise UserError(f"{path} cannot be read{after} ({reason}); is it complete?") from None
