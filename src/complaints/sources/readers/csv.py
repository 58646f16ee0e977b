"""The rows of a CSV file, read as a stream and never guessed at."""

import csv
from collections.abc import Generator, Iterator
from operator import itemgetter
from pathlib import Path

from complaints.core.errors import UserError
from complaints.sources.readers.chunk import BATCH_CHARACTERS, BATCH_ROWS, Chunk, check_columns, to_chunk
from complaints.sources.readers.lines import text_lines

FIELD_CHARACTERS = 16 * 2**20


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
