"""Lines of a text file, packed or not, and the rows of a CSV file, read as a stream and never guessed at."""

import codecs
import csv
import difflib
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from complaints.errors import UserError

BATCH_ROWS = 10_000
BATCH_CHARACTERS = 16 * 2**20
"""A batch ends at whichever of the two it reaches first, so that memory is bounded for long texts too."""

FIELD_CHARACTERS = 16 * 2**20
LINE_CHARACTERS = 2 * FIELD_CHARACTERS
EXPANSION = 200
EXPANDED_FLOOR = 2**30
"""An archive may grow to a gibibyte, or to 200 times its size if that is more: complaints shrink to about a sixth."""

MAGIC = {
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstandard file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
}
PACKED = {".gz": "a gzip file", ".zip": "a zip archive"}
HTML_STARTS = (b"<!doctype", b"<html", b"<head", b"<?xml")

DAMAGES = (
    *(OSError, EOFError, ValueError, IndexError, NotImplementedError),
    *(struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
"""What gzip and zipfile raise for an archive that is cut short, altered or packed in an unknown way."""


@dataclass(frozen=True)
class Chunk:
    """Some rows as the file has them: an array for each role that a column plays, and where each row begins."""

    columns: dict[str, pa.Array]
    numbers: Sequence[int]


def shown(value: object) -> str:
    """Return a value on one short line, for a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def content_of(head: bytes) -> str:
    """Say what a file's first bytes are known for: a key word of MAGIC, a web page, or "text"."""
    for magic, content in MAGIC.items():
        if head.startswith(magic):
            return content
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return "a web page" if start.startswith(HTML_STARTS) else "text"


def check_file(path: Path) -> None:
    """Raise UserError unless `path` is a file with something in it."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; fetch.path must name a file")
    if not path.exists():
        raise UserError(f"{path} does not exist; set fetch.path to the file with the complaints")
    if not path.is_file():
        raise UserError(f"{path} is not a regular file; copy what it holds to one")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty")


def check_columns(path: Path, there: Sequence[str], wanted: dict[str, str]) -> None:
    """Raise UserError when a column of `wanted` (role -> name) is not there, or when a name stands twice."""
    twice = sorted({name for name in there if there.count(name) > 1})
    if twice:
        raise UserError(f"{path}: more than one column is called {shown(twice[0])}; rename all but one")
    folded = {name.casefold().strip(): name for name in there}
    for role, name in wanted.items():
        if name in there:
            continue
        close = difflib.get_close_matches(name.casefold().strip(), folded, n=1)
        guess = f"did you mean {shown(folded[close[0]])}? " if close else ""
        names = ", ".join(shown(other) for other in there[:30]) + (", ..." if len(there) > 30 else "")
        hint = ""
        if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
            hint = "; is something else than a comma between its columns?"
        raise UserError(f"{path} has no column {shown(name)} (fetch.file.columns.{role}); {guess}It has: {names}{hint}")


def _zip_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    """Return the one file of an archive; nothing is unpacked to disk, so its path inside does not matter."""
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        names = ", ".join(shown(member.filename) for member in members[:5])
        raise UserError(f"{path} holds {len(members)} files ({names}); it must hold exactly one")
    if members[0].flag_bits & 1:
        raise UserError(f"{path} is encrypted; unpack it first")
    return members[0]


@contextmanager
def _unpacked(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file, through gzip or zip where its name says so, and check that its content agrees with its name."""
    check_file(path)
    suffix = path.suffix.lower()
    with open(path, "rb") as file:
        content = content_of(file.read(512))
        expected = PACKED.get(suffix, "text")
        if content != expected:
            raise UserError(f"{path} is not what its name says: {expected} was expected, but it begins like {content}")
        file.seek(0)
        if suffix == ".gz":
            with gzip.GzipFile(fileobj=file) as stream:
                yield io.BufferedReader(stream, 2**16)
        elif suffix == ".zip":
            with zipfile.ZipFile(file) as archive, archive.open(_zip_member(archive, path)) as member:
                yield io.BufferedReader(cast(zipfile.ZipExtFile, member), 2**16)
        else:
            yield file


def _decoding_error(path: Path, encoding: str, lines: int, error: UnicodeDecodeError) -> UserError:
    """Name the line: those handed on, then those that lie before the bad byte in the block being decoded."""
    before = error.object[: error.start].decode(encoding, errors="replace")
    line = lines + 1 + before.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    byte = error.object[error.start]
    return UserError(f"{path}, line {line}: byte 0x{byte:02x} is not {encoding}; set fetch.file.encoding")


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    r"""Yield the lines of a text file (plain, .gz, or a .zip of one file) with their line ends.

    A byte order mark is dropped; \n, \r\n and \r all end a line.

    Raises:
        UserError: for a file that is missing, empty, damaged, not what its name says, not in `encoding`, for a NUL
            byte, for a line of more than 32 Mi characters, and for an archive that grows out of all proportion.
    """
    try:
        codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        io.TextIOWrapper(io.BytesIO(), encoding=codec)
    except LookupError:
        raise UserError(f"fetch.file.encoding: {shown(encoding)} is not a text encoding that Python knows") from None
    lines = characters = 0
    try:
        with _unpacked(path) as stream:
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
                    raise UserError(f"{path}, line {lines}: unpacks to more than {EXPANSION} times its size; unpack it")
                yield line
    except UnicodeDecodeError as error:
        raise _decoding_error(path, encoding, lines, error) from None
    except DAMAGES as error:
        reason = shown(str(error) or type(error).__name__)
        raise UserError(f"{path} cannot be read after line {lines} ({reason}); is it complete?") from None


def _csv_rows(path: Path, encoding: str) -> Generator[tuple[int, list[str]]]:
    """Yield (line on which the row begins, fields); lines without any character are no rows."""
    # The limit belongs to the process, not to the reader; nothing else here reads CSV by the csv module.
    csv.field_size_limit(FIELD_CHARACTERS)
    reader = csv.reader(text_lines(path, encoding), strict=True)
    begin = 1
    try:
        for row in reader:
            if row:
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        if "field larger" in str(error):
            reason = f"a field of more than {FIELD_CHARACTERS:,} characters, or a quote that is never closed"
        elif "end of data" in str(error):
            reason = "a quote is opened and never closed"
        else:
            reason = f"a quote is not closed, or not doubled inside a quoted field (seen on line {reader.line_num})"
        raise UserError(f"{path}, line {begin}: {reason}") from None


def csv_header(path: Path, encoding: str) -> list[str]:
    """Return the names in the first row of a CSV file, [] if it has none.

    Raises:
        UserError: as `csv_chunks` does.
    """
    rows = _csv_rows(path, encoding)
    try:
        return next(rows, (0, []))[1]
    finally:
        rows.close()


def to_chunk(path: Path, roles: Iterable[str], rows: list[Any], numbers: list[int]) -> Chunk:
    """Turn rows (one tuple of str or None per row, in the order of `roles`) into arrays of strings.

    Raises:
        UserError: for a text with half of a surrogate pair, which no encoding can hold; it names the line.
    """
    try:
        columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    except UnicodeEncodeError:
        for number, row in zip(numbers, rows, strict=True):
            for role, value in zip(roles, row, strict=True):
                if value is not None and any("\ud800" <= character <= "\udfff" for character in value):
                    raise UserError(f"{path}, line {number}: half of a surrogate pair in the {role}") from None
        raise
    return Chunk(dict(zip(roles, columns, strict=True)), numbers)


def csv_chunks(path: Path, encoding: str, columns: dict[str, str]) -> Iterator[Chunk]:
    """Yield the rows of a CSV file with a header, commas and double quotes (RFC 4180, any line end).

    Args:
        path: a .csv file, or one packed as .gz or .zip.
        encoding: as Python names it.
        columns: role -> name in the header, for the columns to read.

    Raises:
        UserError: for all that `text_lines` refuses, a missing or doubled column, a row with more or fewer fields
            than the header, and a quote that is not closed.
    """
    rows = _csv_rows(path, encoding)
    _, header = next(rows, (0, []))
    if not header:
        raise UserError(f"{path} is empty")
    check_columns(path, header, columns)
    pick = itemgetter(*(header.index(name) for name in columns.values()))
    values: list[tuple[str, ...]] = []
    numbers: list[int] = []
    characters = 0
    for number, row in rows:
        if len(row) != len(header):
            raise UserError(
                f"{path}, line {number}: {len(row)} fields where the header has {len(header)}; "
                "a comma or line break without quotes around its field, or a quote too many?"
            )
        picked = pick(row)
        values.append(picked)
        numbers.append(number)
        characters += sum(map(len, picked))
        if len(values) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield to_chunk(path, columns, values, numbers)
            values, numbers, characters = [], [], 0
    if values:
        yield to_chunk(path, columns, values, numbers)
