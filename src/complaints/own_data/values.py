"""Values of all columns of a file, as strings with their kinds, read as a stream."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core.errors import UserError
from complaints.own_data.form import Form
from complaints.sources.readers.chunk import BATCH_CHARACTERS, BATCH_ROWS
from complaints.sources.readers.csv import csv_chunks, csv_header
from complaints.sources.readers.jsonl import json_objects
from complaints.sources.readers.lines import shown

OTHER = "other"
"""Kind of values that no role can have: fractions, lists, mappings, bytes."""

JSON_KINDS: dict[type, str] = {str: "string", int: "integer", bool: "boolean"}

ARROW_KINDS = {
    "string": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    "integer": (pa.types.is_integer,),
    "boolean": (pa.types.is_boolean,),
    "date": (pa.types.is_date, pa.types.is_timestamp),
}


class Values(NamedTuple):
    """Values of one kind of a column: `string`, `integer`, `boolean`, `date` or OTHER."""

    column: str
    kind: str
    strings: pa.Array
    """The values as strings; dates and values of the kind OTHER are replaced by the name of their kind."""


Batch = tuple[int, list[Values]]
"""Number of rows, and the values of all columns in them."""


def read_values(path: Path, form: Form) -> Iterator[Batch]:
    """Yield the values of all columns that have a name; a column may have values of several kinds.

    Raises:
        UserError: if the file cannot be read, as the reader of its format does.
    """
    readers = {"csv": _csv_values, "jsonl": _json_values, "parquet": _parquet_values}
    return readers[form.format](path, form)


def _csv_values(path: Path, form: Form) -> Iterator[Batch]:
    names = [name for name in csv_header(path, form.encoding, form.dialect) if name.strip()]
    if not names:
        raise UserError(f"{path} has no header: line 1 has no names of columns")
    for chunk in csv_chunks(path, form.encoding, {name: name for name in names}, form.dialect):
        yield len(chunk.numbers), [Values(name, "string", values) for name, values in chunk.columns.items()]


def _json_values(path: Path, form: Form) -> Iterator[Batch]:
    objects: list[dict[str, Any]] = []
    characters = 0
    for _, length, value in json_objects(path, form.encoding):
        objects.append(value)
        characters += length
        if len(objects) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield _by_kind(objects)
            objects, characters = [], 0
    yield _by_kind(objects)


def _by_kind(objects: list[dict[str, Any]]) -> Batch:
    values: dict[tuple[str, str], list[str | None]] = {}
    for item in objects:
        for name, value in item.items():
            kind = "string" if value is None else JSON_KINDS.get(type(value), OTHER)
            if name.strip():
                values.setdefault((name, kind), []).append(_json_text(kind, value))
    return len(objects), [Values(name, kind, pa.array(own, pa.string())) for (name, kind), own in values.items()]


def _json_text(kind: str, value: Any) -> str | None:
    if value is None:
        return None
    if kind == OTHER:
        return OTHER
    # Half of a surrogate pair has no UTF-8; the reader names its line afterwards.
    return value.encode(errors="replace").decode() if kind == "string" else json.dumps(value)


def _parquet_values(path: Path, form: Form) -> Iterator[Batch]:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            rows = file.metadata.num_rows
            size = sum(file.metadata.row_group(index).total_byte_size for index in range(file.num_row_groups))
            batch_rows = max(1, min(BATCH_ROWS, BATCH_CHARACTERS * rows // max(1, size)))
            for batch in file.iter_batches(batch_rows):
                columns = zip(batch.schema.names, batch.columns, strict=True)
                yield batch.num_rows, [_arrow_values(name, values) for name, values in columns if name.strip()]
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read as Parquet ({shown(str(error))}); is it complete?") from None


def _arrow_values(name: str, values: pa.Array) -> Values:
    of_values = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    kind = next((kind for kind, tests in ARROW_KINDS.items() if any(test(of_values) for test in tests)), OTHER)
    if kind in ("date", OTHER):
        return Values(name, kind, pc.if_else(pc.is_valid(values), kind, pa.scalar(None, pa.string())))
    return Values(name, kind, _valid(values.cast(pa.string())))


def _valid(strings: pa.Array) -> pa.Array:
    """Return the strings with bytes that are not UTF-8 replaced; the reader names their row afterwards."""
    try:
        strings.validate(full=True)
    except pa.ArrowInvalid:
        decoded = [None if b is None else b.decode(errors="replace") for b in strings.cast(pa.binary()).to_pylist()]
        return pa.array(decoded, pa.string())
    return strings
