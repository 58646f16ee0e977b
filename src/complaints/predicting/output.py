"""Labelled files: CSV, Parquet or JSON lines, written as a stream and atomically."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pyarrow import types

from complaints.core.csv_files import escape_formulas
from complaints.core.errors import UserError
from complaints.core.files import replacing_file

TOP = 3
PREDICTED = [
    f"{name}{suffix}"
    for suffix in ("", *(f"_{rank}" for rank in range(2, TOP + 1)))
    for name in ("label", "probability")
]
"""Columns of the output after `row_id` and the kept ones; fewer where the model has fewer classes than TOP."""
UNSURE = "unsure"
"""Column after them with --abstain-below."""
NEIGHBOURS = "neighbours"
"""Last column with --explain: JSON, null where the text is blank."""


def from_json(texts: pa.Array) -> pa.Array:
    """Return JSON texts as strings: a JSON string without its quotes, any other value as JSON, null as null."""
    strings = [json.loads(text) if text and text.startswith('"') else text for text in texts.to_pylist()]
    return pa.array(strings, pa.string())


def _are_days(texts: pa.Array) -> bool:
    """Return whether all texts that are not null begin with a day of the years 1 to 9999."""
    years = pc.utf8_slice_codeunits(texts, 0, 5)
    known = pc.and_not(pc.match_substring_regex(years, "^[0-9]{4}-$"), pc.equal(years, "0000-"))
    return bool(pc.all(known).as_py() is not False)


def in_format(values: pa.Array, name: str, suffix: str) -> pa.Array:
    """Return a column of the input in a type that the format of the output can hold.

    Parquet holds every type. In CSV and JSON lines dates, times and decimals become strings; JSON has no NaN and no
    infinity, which become null.

    Args:
        values: The column.
        name: Its name, for the message.
        suffix: The format: `.csv`, `.parquet` or `.jsonl`.

    Raises:
        UserError: for a type that CSV and JSON lines cannot hold, for example a list, or a date outside the years 1 to
            9999.
    """
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if suffix == ".parquet" or types.is_boolean(kind) or types.is_integer(kind):
        return values
    if types.is_floating(kind):
        wide = values.cast(pa.float64()) if types.is_float16(kind) else values
        return pc.if_else(pc.is_finite(wide), wide, None) if suffix == ".jsonl" else wide
    strings = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    moments = types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind)
    if strings or moments or types.is_decimal(kind) or types.is_null(kind):
        texts = values.cast(pa.large_string() if types.is_large_string(kind) else pa.string())
        if (types.is_date(kind) or types.is_timestamp(kind)) and not _are_days(texts):
            raise UserError(f"--keep {name}: a date is outside the years 1 to 9999; write a .parquet file")
        return texts
    raise UserError(f"--keep {name}: it holds {kind}, which a {suffix} file cannot hold; write a .parquet file")


def _without_formulas(table: pa.Table) -> pa.Table:
    """Return a table for CSV whose labels no spreadsheet runs; kept columns stay as they are."""
    labels = [name for name in table.column_names if name in PREDICTED]
    for name, column in zip(labels, escape_formulas(table.select(labels)).columns, strict=True):
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def write_tables(path: Path, suffix: str, tables: Iterator[pa.Table], json_columns: frozenset[str]) -> int:
    """Write tables one by one, and return the number of rows.

    Args:
        path: The file to replace.
        suffix: Its format: `.csv`, `.parquet` or `.jsonl`.
        tables: The rows; at least one table.
        json_columns: Columns of JSON texts, which JSON lines hold as values.
    """
    rows = 0
    first = next(tables)
    with replacing_file(path) as temporary, ExitStack() as stack:
        stream = stack.enter_context(open(temporary, "wb"))
        writer: Any = None
        if suffix == ".csv":
            writer = stack.enter_context(pacsv.CSVWriter(stream, first.schema))
        elif suffix == ".parquet":
            writer = stack.enter_context(pq.ParquetWriter(stream, first.schema))
        for table in chain([first], tables):
            rows += table.num_rows
            if writer is not None:
                writer.write_table(_without_formulas(table) if suffix == ".csv" else table)
            else:
                stream.write("".join(_json_lines(table, json_columns)).encode())
    return rows


def _json_lines(table: pa.Table, json_columns: frozenset[str]) -> Iterator[str]:
    for row in table.to_pylist():
        for name in json_columns:
            row[name] = None if row[name] is None else json.loads(row[name])
        yield json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
