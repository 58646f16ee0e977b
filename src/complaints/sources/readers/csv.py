"""Rows of a CSV file or one with another delimiter, read strictly and as a stream."""

import csv
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from complaints.core.errors import UserError
from complaints.sources.readers.chunk import BATCH_CHARACTERS, BATCH_ROWS, Chunk, check_columns, to_chunk
from complaints.sources.readers.lines import text_lines

FIELD_CHARACTERS = 16 * 2**20

DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}
"""Values of fetch.file.delimiter besides `auto` -> the character."""


@dataclass(frozen=True)
class Dialect:
    """Delimiter of the fields, and whether double quotes enclose fields or are characters like any other."""

    delimiter: str = "comma"
    """A key of DELIMITERS."""
    quotes: bool = True


def _csv_rows(path: Path, encoding: str, dialect: Dialect) -> Generator[tuple[int, list[str]]]:
    """Yield (line on which the row begins, fields), and skip empty lines."""
    # The limit applies to the process, not to the reader; no other code here reads CSV with the csv module.
    csv.field_size_limit(FIELD_CHARACTERS)
    reader = csv.reader(
        text_lines(path, encoding),
        delimiter=DELIMITERS[dialect.delimiter],
        quoting=csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE,
        strict=True,
    )
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
        if dialect.delimiter != "comma":
            reason += "; if its quotes enclose no fields, set fetch.file.quotes to false"
        raise UserError(f"{path}, line {begin}: {reason}") from None


def csv_header(path: Path, encoding: str, dialect: Dialect = Dialect()) -> list[str]:
    """Return the fields of the first row of a CSV file, [] if it has no rows.

    Raises:
        UserError: as `csv_chunks` does.
    """
    rows = _csv_rows(path, encoding, dialect)
    try:
        return next(rows, (0, []))[1]
    finally:
        rows.close()


def _delimiter_hint(header: list[str]) -> str:
    """Return a hint for a header of one field that holds another delimiter."""
    found = [name for name, mark in DELIMITERS.items() if len(header) == 1 and mark in header[0]]
    return f"; are its columns separated by a {found[0]}? set fetch.file.delimiter" if found else ""


def csv_chunks(path: Path, encoding: str, columns: dict[str, str], dialect: Dialect = Dialect()) -> Iterator[Chunk]:
    """Yield the rows of a CSV file with a header, by default with commas and double quotes (RFC 4180, any line ending).

    Args:
        path: a .csv file, or one compressed as .gz or .zip.
        encoding: Python's name of the encoding.
        columns: role -> name in the header, for the columns to read.
        dialect: delimiter and quotes.

    Raises:
        UserError: as `text_lines` does, and for a missing or repeated column, a row with more or fewer fields than the
            header, and a quote that is not closed.
    """
    rows = _csv_rows(path, encoding, dialect)
    _, header = next(rows, (0, []))
    if not header:
        raise UserError(f"{path} is empty")
    check_columns(path, header, columns, _delimiter_hint(header))
    positions = [header.index(name) for name in columns.values()]
    # With one position, itemgetter returns a string in place of a tuple.
    pick = itemgetter(*positions) if len(positions) > 1 else lambda row: (row[positions[0]],)
    values: list[tuple[str, ...]] = []
    numbers: list[int] = []
    characters = 0
    for number, row in rows:
        if len(row) != len(header):
            raise UserError(
                f"{path}, line {number}: {len(row)} fields where the header has {len(header)}; "
                f"is there an unquoted {dialect.delimiter} or line break, or an extra quote?"
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
