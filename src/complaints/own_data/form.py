"""Form of a file: format, encoding, delimiter and quotes, found from its name and its first lines."""

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from complaints.core import config
from complaints.core.errors import UserError
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import dialect_of, file_format
from complaints.sources.readers.csv import DELIMITERS, Dialect
from complaints.sources.readers.lines import check_file, content_of, text_lines

SNIFFED_LINES = 200
"""The delimiter is found from at most this many lines."""


@dataclass(frozen=True)
class FormOptions:
    """Format, encoding, delimiter and quotes as the user stated them; None: found from the file."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quotes: bool | None = None


@dataclass(frozen=True)
class Form:
    """Form of a file, as the readers take it."""

    format: str
    """`csv`, `parquet` or `jsonl`."""
    encoding: str
    dialect: Dialect

    def params(self, path: Path, columns: ColumnParams) -> FileParams:
        """Return the parameters of a file with this form; `auto` where its name tells the same."""
        values: dict[str, Any] = {"encoding": self.encoding, "quotes": self.dialect.quotes, "columns": columns}
        named = FileParams(format="auto", delimiter="auto", **values)
        changes: dict[str, Any] = {}
        if _format_by_name(path) != self.format:
            changes["format"] = self.format
        if self.format == "csv" and dialect_of(path, named) != self.dialect:
            changes["delimiter"] = self.dialect.delimiter
        return config.changed(named, changes)


def _format_by_name(path: Path) -> str | None:
    try:
        return file_format(path, "auto")
    except UserError:
        return None


def find_form(path: Path, options: FormOptions) -> Form:
    """Return the form of a file.

    Raises:
        UserError: if the file cannot be read, or several delimiters are possible.
    """
    check_file(path)
    with open(path, "rb") as stream:
        head = stream.read(512)
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = options.encoding or ("utf-16" if marked else "utf-8")
    form = options.format or _format_by_name(path)
    if form is None and content_of(head) == "a Parquet file":
        form = "parquet"
    if form == "parquet":
        return Form(form, encoding, Dialect())
    lines = list(islice(text_lines(path, encoding), SNIFFED_LINES))
    start = next((line.lstrip()[:1] for line in lines if not line.isspace()), "")
    if start == "[" and form != "csv":
        raise UserError(f"{path} is one JSON list; write one object per line (.jsonl), as `jq -c '.[]'` does")
    if form is None:
        form = "jsonl" if start == "{" else "csv"
    if form == "jsonl":
        return Form(form, encoding, Dialect())
    quotes = True if options.quotes is None else options.quotes
    return Form(form, encoding, Dialect(options.delimiter or _find_delimiter(path, lines), quotes))


def _find_delimiter(path: Path, lines: Sequence[str]) -> str:
    """Return the delimiter that divides all rows into the same number of fields, the one with most fields.

    Raises:
        UserError: if two of them have the same number of fields.
    """
    fields = {name: _common_fields(lines, mark) for name, mark in DELIMITERS.items()}
    most = max(fields.values())
    best = [name for name, number in fields.items() if number == most]
    if most > 1 and len(best) > 1:
        raise UserError(f"{path}: its columns may be separated by {' or '.join(best)}; name it with --delimiter")
    if most > 1:
        return best[0]
    # The rows are uneven. The reader names the first such line, with the delimiter that the header has most often.
    header = next((line for line in lines if not line.isspace()), "")
    counts = {name: header.count(mark) for name, mark in DELIMITERS.items()}
    return max(counts, key=lambda name: counts[name])


def _common_fields(lines: Sequence[str], mark: str) -> int:
    """Return the number of fields of every row, with or without quotes around fields; 0 if the rows differ."""
    return max(_even(_rows(lines, mark, quoting)) for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE))


def _rows(lines: Sequence[str], mark: str, quoting: Any) -> Iterator[list[str]]:
    rows = [row for row in csv.reader(lines, delimiter=mark, quoting=quoting) if row]
    # The last row may be cut off.
    yield from rows[:-1] if len(lines) == SNIFFED_LINES and len(rows) > 2 else rows


def _even(rows: Iterator[list[str]]) -> int:
    try:
        counts = {len(row) for row in rows}
    except csv.Error:
        return 0
    return counts.pop() if len(counts) == 1 else 0
