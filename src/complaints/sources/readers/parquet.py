"""Rows of a Parquet file, read as a stream and checked against the file's metadata."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core.errors import UserError
from complaints.sources.readers.chunk import (
    BATCH_CHARACTERS,
    BATCH_ROWS,
    BOOLEAN_ROLES,
    INTEGER_ROLES,
    KEPT,
    Chunk,
    check_columns,
    types_of,
)
from complaints.sources.readers.lines import EXPANDED_FLOOR, EXPANSION, check_file, content_of, shown


def parquet_strings(path: Path, role: str, name: str, values: pa.Array, start: int) -> pa.Array:
    """Return a Parquet column as valid strings, or as dates if it holds dates or timestamps and its role is "date".

    Args:
        path: the file, for messages.
        role: role of the column.
        name: name of the column.
        values: the column's values.
        start: number of its first row.

    Raises:
        UserError: for any other type, and for text that is not UTF-8.
    """
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if role == "date" and pa.types.is_timestamp(kind):
        # The date in the time zone of the writer, as for a date that is a string with an offset.
        return (pc.local_timestamp(values) if kind.tz else values).cast(pa.date32(), safe=False)
    if role == "date" and pa.types.is_date(kind):
        return values.cast(pa.date32())
    strings = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    integers = role in INTEGER_ROLES and pa.types.is_integer(kind)
    booleans = role in BOOLEAN_ROLES and pa.types.is_boolean(kind)
    if not (strings or integers or booleans or pa.types.is_null(kind)):
        wanted = types_of(role, plural="s")
        raise UserError(f"{path}: column {shown(name)} holds {kind}, not {wanted}, so it cannot be the {role}")
    values = values.cast(pa.string())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        for number, value in enumerate(values.cast(pa.binary()).to_pylist(), start):
            if value is not None and value.decode(errors="ignore").encode() != value:
                raise UserError(f"{path}, row {number}: column {shown(name)} is not valid UTF-8") from None
        raise
    return values


def parquet_chunks(path: Path, columns: dict[str, str]) -> Iterator[Chunk]:
    """Yield the rows of a Parquet file, reading only the named columns and a few pages at a time.

    Args:
        path: the file.
        columns: role -> name of the column.

    Raises:
        UserError: for a file that is missing, empty, not Parquet, damaged, without one of the columns, with a column of
            another type, with text that is not UTF-8, with another number of rows than it declares, or with too large
            a ratio of its decompressed to its compressed size.
    """
    check_file(path)
    with open(path, "rb") as stream:
        content = content_of(stream.read(512))
    if content != "a Parquet file":
        raise UserError(f"{path} is not what its name says: a Parquet file was expected, but it begins like {content}")
    try:
        # Page checksums are verified where the writer stored them; most writers do not.
        options = {"buffer_size": 2**20, "pre_buffer": False, "page_checksum_verification": True}
        with pq.ParquetFile(path, **options) as file:
            check_columns(path, file.schema_arrow.names, columns)
            allowed = max(EXPANDED_FLOOR, EXPANSION * path.stat().st_size)
            size = sum(file.metadata.row_group(index).total_byte_size for index in range(file.num_row_groups))
            batch_rows = max(1, min(BATCH_ROWS, BATCH_CHARACTERS * file.metadata.num_rows // max(1, size)))
            start, read = 1, 0
            for batch in file.iter_batches(batch_rows, columns=list(columns.values())):
                arrays = {
                    role: batch.column(name)
                    if role.startswith(KEPT)
                    else parquet_strings(path, role, name, batch.column(name), start)
                    for role, name in columns.items()
                }
                read += sum(array.nbytes for array in arrays.values())
                if read > allowed:
                    raise UserError(f"{path}, row {start}: expands to over {EXPANSION} times its size")
                yield Chunk(arrays, range(start, start + batch.num_rows))
                start += batch.num_rows
            if (declared := file.metadata.num_rows) != start - 1:
                raise UserError(f"{path} declares {declared} rows and holds {start - 1}; is it complete?")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as Parquet ({shown(str(error))}); is it complete?") from None
