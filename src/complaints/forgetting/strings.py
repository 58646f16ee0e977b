"""Strings in a file of any format, with the column that they are in: Parquet, SQLite, zip, gzip, JSON, HTML, CSV.

The content of a file decides on its format, since objects of DVC's cache have no names.
"""

import csv
import gzip
import io
import json
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HEAD = 4096
LONGEST_DOCUMENT = 64 * 2**20
"""JSON and HTML longer than this, in bytes, are read line by line as CSV is."""
ROWS = 65_536

String = tuple[str, str]
"""Name of the column, "" where there is none, and value."""


class UnreadableError(Exception):
    """A file whose content is damaged, so that it cannot be told what it holds."""


def _column(name: str, column: pa.Array) -> Iterator[String]:
    """Yield the distinct strings of a column, also of numbers and of lists of strings."""
    while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        if not pa.types.is_string(column.type.value_type):
            return
        column = column.flatten()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if is_text or pa.types.is_integer(column.type):
        for value in pc.unique(column).to_pylist():
            if value is not None:
                yield name, str(value)


def _parquet(stream: BinaryIO) -> Iterator[String]:
    with pq.ParquetFile(stream, pre_buffer=False) as file:
        for batch in file.iter_batches(ROWS):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                yield from _column(name, column)


def _sqlite(stream: BinaryIO) -> Iterator[String]:
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        with closing(sqlite3.connect(f"file:{copy.name}?mode=ro&immutable=1", uri=True)) as connection:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                quoted = table.replace('"', '""')
                rows = connection.execute(f'SELECT * FROM "{quoted}"')
                names = [column[0] for column in rows.description]
                for row in rows:
                    yield from ((name, value) for name, value in zip(names, row, strict=True) if isinstance(value, str))


def _zip(stream: BinaryIO) -> Iterator[String]:
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as file:
                    yield from strings(file)


def _json(value: Any, key: str = "") -> Iterator[String]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield "", name
            yield from _json(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _json(item, key)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield key, str(value)


class _Page(HTMLParser):
    """Texts and attributes of a page; the texts of neighbouring elements also as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for _, value in attrs if value]


def _rows(lines: Iterator[str]) -> Iterator[String]:
    """Yield the cells of delimited text by the names in its first line, or of any other text by chance of commas."""
    first = next(lines, "")
    delimiter = max(",\t;|", key=first.count)
    header = next(csv.reader([first], delimiter=delimiter), [])
    yield from (("", cell) for cell in header)
    for row in csv.reader(lines, delimiter=delimiter):
        names = [*header, *[""] * max(len(row) - len(header), 0)]
        yield from zip(names, row, strict=False)


def _document(stream: BinaryIO) -> Iterator[String]:
    """Yield the strings of text; a JSON document, JSON lines and a page are told by their first character.

    Other text is read as a table, and as one string: it may be prose.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    content = text.read(LONGEST_DOCUMENT)
    begin = content.lstrip()[:1]
    if text.read(1):
        text.seek(0)
        yield from _rows(iter(text))
    elif begin == "<":
        page = _Page()
        page.feed(content)
        yield from (("", value) for value in page.found)
        yield "", " ".join(page.found)
    elif begin in ("{", "[", '"'):
        try:
            yield from _json(json.loads(content))
        except (ValueError, RecursionError):
            yield from _json_lines(content)
    else:
        yield "", content
        yield from _rows(iter(io.StringIO(content, newline="")))


def _json_lines(content: str) -> Iterator[String]:
    for line in content.splitlines():
        try:
            yield from _json(json.loads(line))
        except (ValueError, RecursionError):
            yield "", line


def is_binary(head: bytes) -> bool:
    """Return whether a file that begins so is neither text nor in a format that `strings` reads."""
    return b"\0" in head and not head.startswith((b"PAR1", b"SQLite format 3\0", b"PK\x03\x04", b"\x1f\x8b"))


def _read(stream: BinaryIO, head: bytes) -> Iterator[String]:
    if head.startswith(b"PAR1"):
        return _parquet(stream)
    if head.startswith(b"SQLite format 3\0"):
        return _sqlite(stream)
    if head.startswith(b"PK\x03\x04"):
        return _zip(stream)
    if head.startswith(b"\x1f\x8b"):
        return strings(gzip.open(stream))
    return iter(()) if is_binary(head) else _document(stream)


def strings(stream: Any) -> Iterator[String]:
    """Yield the strings of a binary file; none of a format that has none, such as weights.

    Args:
        stream: An open file. One that cannot be repositioned, such as a member of an archive, is copied first.

    Raises:
        UnreadableError: if the content is damaged.
    """
    head = stream.read(HEAD)
    try:
        if stream.seekable():
            stream.seek(0)
        else:
            rest = io.BytesIO(head + stream.read())
            stream = rest
        yield from _read(stream, head)
    except (OSError, EOFError, ValueError, sqlite3.Error, zipfile.BadZipFile, zlib.error, csv.Error) as error:
        raise UnreadableError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
