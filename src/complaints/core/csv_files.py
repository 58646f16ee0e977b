"""CSV files for people: spreadsheets run no cell of them, and reading restores every text.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@`, also after white space, for a formula (OWASP, CSV
injection). Such a text is written after an apostrophe, and so is a text that begins with apostrophes and then like a
formula: this makes the escape reversible. Numbers are never escaped, nor are texts that are numbers, such as `-5`.
"""

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.errors import UserError, broken_output
from complaints.core.files import replacing_file
from complaints.core.inputs import check_regular

# Both patterns mean the same to `re` and to RE2, the engine of pyarrow.
_FORMULA = "'*(?:[\t\r\n]|[ \t\r\n]*[-=+@\uff0d\uff1d\uff0b\uff20])"
"""The last four characters are the full-width forms, which a Japanese spreadsheet may take for the others."""
_NUMBER = r"'*[-+](?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"


def _is_formula(text: str) -> bool:
    return re.match(_FORMULA, text) is not None and re.fullmatch(_NUMBER, text) is None


def escape_formula(cell: Any) -> Any:
    """Return a cell for a CSV file: a text that begins like a formula after an apostrophe, anything else unchanged."""
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def unescape_formula(text: str) -> str:
    """Return the text that `escape_formula` escaped."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def escape_formulas(table: pa.Table) -> pa.Table:
    """Return a table for a CSV file: its names and its columns of strings escaped as by `escape_formula`."""
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            formula = pc.match_substring_regex(column, f"^(?:{_FORMULA})")
            escaped = pc.and_not(formula, pc.match_substring_regex(column, f"^(?:{_NUMBER})$"))
            column = pc.if_else(escaped, pc.replace_substring_regex(column, "^", "'", max_replacements=1), column)
        table = table.set_column(index, escape_formula(field.name), column)
    return table


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV atomically, with escaped formulas and the same line ends on every system."""
    with replacing_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        # With "\r\n" as its line end, the writer also quotes cells with "\r"; it writes one line per call.
        lines = SimpleNamespace(write=lambda line: stream.write(line[:-2] + "\n"))
        writer = csv.writer(lines, lineterminator="\r\n")
        writer.writerow(map(escape_formula, header))
        writer.writerows(map(escape_formula, row) for row in rows)


def read_csv(path: Path, columns: Collection[str] = ()) -> list[dict[str, str]]:
    """Return the rows of a file of `write_csv` as texts by column.

    Raises:
        UserError: if the file is missing, is not a regular file, is not valid CSV or lacks one of the columns.
    """
    check_regular(path)
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = ([unescape_formula(cell) for cell in row] for row in csv.reader(stream, strict=True))
            header = next(rows, [])
            if missing := sorted(set(columns) - set(header)):
                raise broken_output(path, f"has no column {', '.join(missing)}")
            return [dict(zip(header, row, strict=True)) for row in rows]
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to build it") from None
    except (csv.Error, ValueError) as error:
        raise broken_output(path, f"is not valid CSV ({error})") from None
