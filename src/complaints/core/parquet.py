"""Parquet files written completely or not at all, with the same bytes for the same rows."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from complaints.core.errors import UserError, broken_output
from complaints.core.files import replacing_file
from complaints.core.inputs import check_regular

ROW_GROUP_ROWS = 16_384


def _row_groups(schema: pa.Schema, tables: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows of tables as tables of ROW_GROUP_ROWS rows, the last one shorter."""
    pending = schema.empty_table()
    for table in tables:
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        pending = pa.concat_tables([pending, table.replace_schema_metadata(None).cast(schema)])
        while pending.num_rows >= ROW_GROUP_ROWS:
            yield pending.slice(0, ROW_GROUP_ROWS)
            pending = pending.slice(ROW_GROUP_ROWS)
    if pending.num_rows:
        yield pending


def write_parquet(
    path: str | Path,
    schema: pa.Schema,
    tables: Iterable[pa.Table | pa.RecordBatch],
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write tables of one schema as Parquet, atomically, and return the number of rows.

    The bytes depend only on the rows, their order and the version of pyarrow: row groups have a fixed size, however
    the rows are divided into tables, and of key-value metadata only `metadata` is stored.
    """
    schema = schema.remove_metadata()
    rows = 0
    with (
        replacing_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", store_schema=False) as writer,
    ):
        for table in _row_groups(schema, tables):
            # A column of several chunks would be written with page breaks at their ends.
            writer.write_table(table.combine_chunks())
            rows += table.num_rows
        if metadata:
            writer.add_key_value_metadata(dict(metadata))
    return rows


def read_parquet(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file that an earlier stage wrote.

    Raises:
        UserError: if the file is missing, not a regular file or broken.
    """
    check_regular(path)
    try:
        return pq.read_table(path, columns=columns)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to make it") from None
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise broken_output(path, f"cannot be read ({reason})") from None


def parquet_batches(path: str | Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file that an earlier stage wrote, ROW_GROUP_ROWS at a time, in bounded memory.

    Raises:
        UserError: as `read_parquet` does.
    """
    check_regular(path)
    try:
        # With pre_buffer every row group that was read would stay in memory until the file is closed.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            yield from file.iter_batches(ROW_GROUP_ROWS, columns=columns)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to make it") from None
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise broken_output(path, f"cannot be read ({reason})") from None
