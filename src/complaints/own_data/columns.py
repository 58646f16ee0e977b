"""Columns of a file: the facts on each, collected in one pass over all rows."""

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core.errors import UserError
from complaints.own_data.form import Form
from complaints.sources.readers.batches import SPLIT_NAMES, parse_date
from complaints.sources.readers.chunk import BATCH_ROWS
from complaints.sources.readers.csv import csv_chunks, csv_header
from complaints.sources.readers.jsonl import json_objects
from complaints.sources.readers.lines import shown

DISTINCT_LIMIT = 2000
"""Values are counted in columns with at most this many different ones."""

JSON_KINDS: dict[type, str] = {str: "string", int: "integer", bool: "boolean"}
OTHER = "other"
"""Kind of values that no role can have: fractions, lists, mappings, bytes."""

Typed = tuple[str, pa.Array]
"""Kind of some values of a column, and the values as strings."""


@dataclass
class Column:
    """Facts on a column. A blank value counts as missing."""

    name: str
    kinds: set[str] = field(default_factory=set)
    """Kinds of its values: `string`, `integer`, `boolean`, `date` or `other`."""
    filled: int = 0
    characters: int = 0
    bytes: int = 0
    spaced: int = 0
    """Values with white space between words."""
    counts: Counter[str] | None = field(default_factory=Counter)
    """Rows of each value; None for more than DISTINCT_LIMIT values."""
    are_dates: bool = True
    are_splits: bool = True
    _hashes: array | None = field(default_factory=lambda: array("q"))

    @property
    def mean_length(self) -> float:
        """Return the mean number of characters of the values."""
        return self.characters / max(self.filled, 1)

    def is_unique(self) -> bool:
        """Return whether no value occurs twice."""
        return self._hashes is not None and len(np.unique(np.frombuffer(self._hashes, np.int64))) == self.filled

    def add(self, kind: str, values: pa.Array) -> None:
        """Add values of one kind, given as strings."""
        trimmed = pc.utf8_trim_whitespace(values).filter(pc.is_valid(values))
        trimmed = trimmed.filter(pc.not_equal(trimmed, ""))
        if not len(trimmed):
            return
        self.kinds.add(kind)
        self.filled += len(trimmed)
        self.characters += pc.sum(pc.utf8_length(trimmed)).as_py()
        self.bytes += pc.sum(pc.binary_length(trimmed)).as_py()
        self.spaced += pc.sum(pc.match_substring_regex(trimmed, r"\s")).as_py()
        distinct = trimmed.value_counts()
        names = distinct.field("values").to_pylist()
        if self.counts is not None:
            self.counts.update(dict(zip(names, distinct.field("counts").to_pylist(), strict=True)))
            if len(self.counts) > DISTINCT_LIMIT:
                self.counts = None
        self.are_dates = self.are_dates and (kind == "date" or all(map(parse_date, names)))
        self.are_splits = self.are_splits and all(name.lower() in SPLIT_NAMES for name in names)
        if len(names) < len(trimmed):
            self._hashes = None
        elif self._hashes is not None:
            self._hashes.extend(map(hash, names))


@dataclass
class Columns:
    """All columns of a file by name, in their order."""

    rows: int = 0
    by_name: dict[str, Column] = field(default_factory=dict)

    def add(self, rows: int, more: Mapping[str, Typed]) -> None:
        """Add `rows` rows."""
        self.rows += rows
        for name, (kind, values) in more.items():
            # A column without a name cannot be named in params.yaml.
            if name.strip():
                self.by_name.setdefault(name, Column(name)).add(kind, values)


def read_columns(path: Path, form: Form) -> Columns:
    """Return the facts on all columns of a file.

    Raises:
        UserError: as the reader of the format does; also if a CSV file has a row in place of a header.
    """
    columns = Columns()
    readers = {"csv": _csv_values, "jsonl": _json_values, "parquet": _parquet_values}
    for rows, more in readers[form.format](path, form):
        columns.add(rows, more)
    if not columns.rows:
        raise UserError(f"{path} has no rows")
    if form.format == "csv":
        for column in columns.by_name.values():
            if column.counts and column.name.strip() in column.counts and len(column.counts) < columns.rows:
                raise UserError(
                    f"{path}, line 1: {shown(column.name)} is also a value of its column, so this is a row and not a "
                    "header; put a line with names of the columns before it"
                )
    return columns


def _csv_values(path: Path, form: Form) -> Iterator[tuple[int, dict[str, Typed]]]:
    header = csv_header(path, form.encoding, form.dialect)
    for chunk in csv_chunks(path, form.encoding, {name: name for name in header}, form.dialect):
        yield len(chunk.numbers), {name: ("string", values) for name, values in chunk.columns.items()}


def _json_values(path: Path, form: Form) -> Iterator[tuple[int, dict[str, Typed]]]:
    """Yield the rows of a JSON-lines file; a key with values of several kinds is yielded once for each."""
    objects: list[dict[str, Any]] = []
    for _, _, value in json_objects(path, form.encoding):
        objects.append(value)
        if len(objects) == BATCH_ROWS:
            yield from _values_by_kind(objects)
            objects = []
    yield from _values_by_kind(objects)


def _values_by_kind(objects: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Typed]]]:
    values: dict[str, dict[str, list[str]]] = {}
    for item in objects:
        for name, value in item.items():
            if value is not None:
                kind = JSON_KINDS.get(type(value), OTHER)
                text = value if kind == "string" else OTHER if kind == OTHER else json.dumps(value)
                values.setdefault(name, {}).setdefault(kind, []).append(text)
            else:
                values.setdefault(name, {})
    yield len(objects), {name: ("string", pa.array([], pa.string())) for name in values}
    for kind in (*JSON_KINDS.values(), OTHER):
        # Half of a surrogate pair has no UTF-8; the reader names its line afterwards.
        yield (
            0,
            {
                name: (kind, pa.array([text.encode(errors="replace").decode() for text in kinds[kind]], pa.string()))
                for name, kinds in values.items()
                if kind in kinds
            },
        )


def _parquet_values(path: Path, form: Form) -> Iterator[tuple[int, dict[str, Typed]]]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                names = batch.schema.names
                yield batch.num_rows, {name: _typed(batch.column(i)) for i, name in enumerate(names)}
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read as Parquet ({shown(str(error))}); is it complete?") from None


def _typed(values: pa.Array) -> Typed:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    checks = {
        "string": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "integer": (pa.types.is_integer,),
        "boolean": (pa.types.is_boolean,),
        "date": (pa.types.is_date, pa.types.is_timestamp),
    }
    for name, tests in checks.items():
        if any(test(kind) for test in tests):
            return name, _named(values, name) if name == "date" else _valid(values.cast(pa.string()))
    return OTHER, _named(values, OTHER)


def _named(values: pa.Array, name: str) -> pa.Array:
    """Return one string in place of each value: nobody compares values of this kind."""
    return pc.if_else(pc.is_valid(values), name, pa.scalar(None, pa.string()))


def _valid(strings: pa.Array) -> pa.Array:
    """Return the strings without bytes that are not UTF-8; the reader names their row afterwards."""
    try:
        strings.validate(full=True)
    except pa.ArrowInvalid:
        decoded = [None if b is None else b.decode(errors="replace") for b in strings.cast(pa.binary()).to_pylist()]
        return pa.array(decoded, pa.string())
    return strings
