"""Complaints of a data set on the hub, at one commit and with a fixed division into splits."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import disable_progress_bars, load_dataset
from datasets.exceptions import DatasetsError
from pyarrow.dataset import ParquetFragmentScanOptions

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA, SPLITS
from complaints.sources.hub.description import HubDescription
from complaints.sources.hub.files import HubFile, download
from complaints.sources.hub.indices import LEFT_OUT, read_indices
from complaints.sources.manifest import LastManifest
from complaints.sources.readers.batches import checked_batch
from complaints.sources.readers.chunk import BATCH_ROWS, Chunk, check_columns
from complaints.sources.readers.lines import shown
from complaints.sources.readers.parquet import INT96_UNIT, parquet_strings

IN_NO_INDEX = "in neither index file"


@dataclass(frozen=True)
class HubData:
    """A data set on the local disk, checked."""

    description: HubDescription
    files: list[HubFile]
    codes: np.ndarray | None
    """Index into SPLITS, or LEFT_OUT, of each row of the hub's train split, int8 [rows]; None without index files."""
    listing: list[dict[str, Any]]
    """{name, bytes, sha256, rows} of every file, index files included."""
    scratch: Path
    """A folder for temporary files."""


def _columns(description: HubDescription) -> dict[str, str]:
    return {role: name for role, name in vars(description.columns).items() if name is not None}


@contextmanager
def _reading(description: HubDescription, file: HubFile) -> Iterator[None]:
    """Turn a failure to read a Parquet file into a UserError."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{description}: {file.name} cannot be read as Parquet ({shown(str(error))})") from None


def _count_rows(description: HubDescription, file: HubFile) -> int:
    """Return the number of rows of a Parquet file, after a check that it has every column, with the right type."""
    with _reading(description, file), pq.ParquetFile(file.path) as parquet:
        schema, rows = parquet.schema_arrow, int(parquet.metadata.num_rows)
    columns = _columns(description)
    check_columns(f"{description}: {file.name}", schema.names, columns, "columns.{} of the description")
    for role, column in columns.items():
        # The reader's check of the type, before the library casts files of several types to one.
        nulls = pa.nulls(0, schema.field(column).type)
        parquet_strings(Path(f"{description}, {file.name}"), role, column, nulls, 1)
    _refuse_wrapped_dates(description, file)
    return rows


def _refuse_wrapped_dates(description: HubDescription, file: HubFile) -> None:
    """Raise UserError if a date is beyond nanoseconds, to which the datasets library converts INT96 timestamps."""
    column = description.columns.date
    with _reading(description, file), pq.ParquetFile(file.path, coerce_int96_timestamp_unit=INT96_UNIT) as parquet:
        leaves = [parquet.schema.column(index) for index in range(len(parquet.schema))]
        if not any(leaf.path == column and leaf.physical_type == "INT96" for leaf in leaves):
            return
        for batch in parquet.iter_batches(BATCH_ROWS, columns=[column]):
            try:
                batch.column(0).cast(pa.timestamp("ns", batch.column(0).type.tz))
            except pa.ArrowInvalid:
                raise UserError(
                    f"{description}: {file.name} has an INT96 timestamp outside the years 1678 to 2261 in column "
                    f"{column!r}, which would be read as another date; set columns.date of the description to null"
                ) from None


def open_dataset(description: HubDescription, downloads: Path, last: LastManifest) -> HubData:
    """Download and check every file that the description names.

    Args:
        description: the data set, at one commit.
        downloads: a folder in which downloaded index files are kept; the hub's client has a cache of its own.
        last: the manifest of the last run.

    Raises:
        UserError: as `hub.files.download` and `hub.indices.read_indices` do, and for a column that is missing or does
            not hold strings.
    """
    files = download(description, last)
    rows = [_count_rows(description, file) for file in files]
    listing = [
        {"name": file.name, "bytes": file.path.stat().st_size, "sha256": file.sha256, "rows": count}
        for file, count in zip(files, rows, strict=True)
    ]
    if description.indices is None:
        return HubData(description, files, None, listing, downloads)
    train = sum(count for file, count in zip(files, rows, strict=True) if file.split == "train")
    codes, index_listing = read_indices(description.indices, train, downloads)
    return HubData(description, files, codes, listing + index_listing, downloads)


def _tables(data: HubData, file: HubFile) -> Iterator[pa.Table]:
    """Yield a file's rows through the datasets library, BATCH_ROWS at a time.

    The library reads the checked file and has an empty cache. Given the data set's name while the hub does not answer,
    it would fall back to whichever revision its cache has. Its streaming mode is not used, since pyarrow's threads then
    abort every other process when it ends.
    """
    if not sys.stderr.isatty():
        disable_progress_bars()
    data.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.scratch) as cache:
        try:
            dataset = load_dataset(
                "parquet",
                data_files={file.split: str(file.path)},
                split=file.split,
                columns=list(_columns(data.description).values()),
                # Otherwise everything read from a file stays in memory until the file ends.
                fragment_scan_options=ParquetFragmentScanOptions(pre_buffer=False),
                cache_dir=cache,
            )
        except (DatasetsError, pa.ArrowException, OSError) as error:
            reason = shown(str(error.__cause__ or error))
            raise UserError(f"{data.description}: {file.name} cannot be read ({reason})") from None
        yield from dataset.with_format("arrow").iter(BATCH_ROWS)


def read_hub(data: HubData, left_out: dict[str, int]) -> Iterator[pa.RecordBatch]:
    """Yield the rows in RAW_SCHEMA, split by split, in the order of the file names.

    `row_id` is the id column; without one it is the hub's split and the row's number in it, from 0 as in index files:
    train-00017. `source_split` is the hub's split, or the split that the index files assign; rows in neither file are
    counted in `left_out`. For the other columns see `readers.batches.read_batches`.

    Raises:
        UserError: naming the split and the row (from 1) of a value that is refused, or an id that occurs twice.
    """
    columns = _columns(data.description)
    ids: list[pa.Array] = []
    rows = dict.fromkeys(data.description.files.patterns, 0)
    for file in data.files:
        where = Path(f"{data.description}, split {file.split}")
        for table in _tables(data, file):
            start = rows[file.split]
            stop = rows[file.split] = start + table.num_rows
            arrays = {
                role: parquet_strings(where, role, name, table.column(name).combine_chunks(), start + 1)
                for role, name in columns.items()
            }
            batch = checked_batch(where, "row", Chunk(arrays, range(start + 1, stop + 1)), start)
            if "id" in columns:
                ids.append(batch["row_id"])
            else:
                batch = _with(batch, "row_id", [f"{file.split}-{number:05d}" for number in range(start, stop)])
            if file.split == "train" and data.codes is not None:
                codes = data.codes[start:stop]
                kept = codes != LEFT_OUT
                batch = _with(batch, "source_split", pa.array(SPLITS).take(pa.array(codes, mask=~kept)))
                batch = batch.filter(pa.array(kept))
                left_out[IN_NO_INDEX] = left_out.get(IN_NO_INDEX, 0) + int(np.sum(~kept))
            else:
                batch = _with(batch, "source_split", [file.split] * table.num_rows)
            yield batch
    _refuse_duplicate_ids(data.description, ids)


def _with(batch: pa.RecordBatch, name: str, values: Any) -> pa.RecordBatch:
    return batch.set_column(RAW_SCHEMA.get_field_index(name), RAW_SCHEMA.field(name), pa.array(values, pa.string()))


def _refuse_duplicate_ids(description: HubDescription, ids: list[pa.Array]) -> None:
    counts = pa.chunked_array(ids, pa.string()).value_counts()
    repeated = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(repeated):
        raise UserError(
            f"{description}: the id {repeated[0]['values'].as_py()!r} occurs {repeated[0]['counts']} times; "
            "set columns.id of the description to null to use row numbers"
        )
