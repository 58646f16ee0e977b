"""The rows of a CSV file, read as a stream and never guessed at."""

import csv
import difflib
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa

from complaints.core.errors import UserError
from complaints.sources.readers.lines import shown, text_lines

BATCH_ROWS = 10_000
BATCH_CHARACTERS = 16 * 2**20
"""A batch ends at whichever of the two it reaches first, so that memory is bounded for long texts too."""

FIELD_CHARACTERS = 16 * 2**20
COMPARED_NAMES = 1000
SHOWN_NAMES = 20


@dataclass(frozen=True)
class Chunk:
    """Some rows as the file has them: an array for each role that a column plays, and where each row begins."""

    columns: dict[str, pa.Array]
    numbers: Sequence[int]


def check_columns(path: Path, there: Sequence[str], wanted: dict[str, str]) -> None:
    """Raise UserError when a column of `wanted` (role -> name) is not there, or when a name stands twice."""
    if twice := [name for name, count in Counter(there).items() if count > 1]:
        raise UserError(f"{path}: more than one column is called {shown(twice[0])}; rename all but one")
    folded = {name.casefold().strip(): name for name in there[:COMPARED_NAMES]}
    for role, name in wanted.items():
        if name in there:
            continue
        close = difflib.get_close_matches(name.casefold().strip(), folded, n=1)
        guess = f"did you mean {shown(folded[close[0]])}? " if close else ""
        names = ", ".join(shown(other) for other in there[:SHOWN_NAMES])
        names += f", and {len(there) - SHOWN_NAMES} more" if len(there) > SHOWN_NAMES else ""
        hint = ""
        if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
            hint = "; is something else than a comma between its columns?"
        raise UserError(f"{path} has no column {shown(name)} (fetch.file.columns.{role}); {guess}It has: {names}{hint}")


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
