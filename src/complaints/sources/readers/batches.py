"""Complaints from a user's file (CSV, TSV, Parquet or JSON lines), read as a stream of checked batches."""

import re
from array import array
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.params import FileParams
from complaints.sources.readers.chunk import KEPT, Chunk
from complaints.sources.readers.csv import Dialect, csv_chunks
from complaints.sources.readers.jsonl import jsonl_chunks
from complaints.sources.readers.lines import COMPRESSED, shown
from complaints.sources.readers.parquet import parquet_chunks

FORMATS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
UNITS = {"csv": "line", "parquet": "row", "jsonl": "line"}

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "eval"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of splits in files, in any case -> the split."""

_TIME = r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)? ?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
_ISO_DATE = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}}){_TIME}", re.ASCII)
_US_DATE = re.compile(rf"(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/(?P<year>\d{{4}}){_TIME}", re.ASCII)


def _suffixes(path: Path) -> tuple[str, str]:
    """Return the suffixes of format and compression of a file name, each empty if there is none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSED else ""
    return suffixes[-1] if suffixes else "", compression


def file_format(path: Path, wanted: str) -> str:
    """Return "csv", "parquet" or "jsonl": `wanted` itself, or the format by the file name if `wanted` is "auto".

    Raises:
        UserError: if the name does not tell the format.
    """
    if wanted != "auto":
        return wanted
    suffix, compression = _suffixes(path)
    if suffix in FORMATS and not (compression and suffix == ".parquet"):
        return FORMATS[suffix]
    if compression == ".zip":
        return "csv"
    raise UserError(f"{path}: its name does not tell the format; set fetch.file.format to csv, parquet or jsonl")


def dialect_of(path: Path, params: FileParams) -> Dialect:
    """Return delimiter and quotes of a CSV file; the delimiter `auto` is a tab for names with .tsv, else a comma."""
    by_name = "tab" if _suffixes(path)[0] == ".tsv" else "comma"
    return Dialect(by_name if params.delimiter == "auto" else params.delimiter, params.quotes)


def _chunks(path: Path, params: FileParams, kept: Iterable[str] = ()) -> Iterator[Chunk]:
    columns = {role: name for role, name in vars(params.columns).items() if name is not None}
    columns |= {KEPT + name: name for name in kept}
    match file_format(path, params.format):
        case "csv":
            return csv_chunks(path, params.encoding, columns, dialect_of(path, params))
        case "jsonl":
            return jsonl_chunks(path, params.encoding, columns)
        case _:
            return parquet_chunks(path, columns)


@lru_cache(maxsize=100_000)
def parse_date(value: str) -> date | None:
    """Parse YYYY-MM-DD, or MM/DD/YYYY as in the CFPB's older exports, and drop a time after it.

    Returns None for anything else, which includes days that no month has.
    """
    match = _ISO_DATE.fullmatch(value.strip()) or _US_DATE.fullmatch(value.strip())
    if match is None:
        return None
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None


class _ChunkChecker:
    """Checks of one chunk's columns; every refusal names the file and the first wrong line (or row)."""

    def __init__(self, path: Path, unit: str, chunk: Chunk) -> None:
        self.path, self.unit, self.chunk = path, unit, chunk

    def refuse(self, index: int, problem: str) -> NoReturn:
        raise UserError(f"{self.path}, {self.unit} {self.chunk.numbers[index]}: {problem}")

    def strings(self, role: str) -> pa.Array:
        """Return a column of strings, all null if the file has no such column."""
        values = self.chunk.columns.get(role)
        if values is None:
            return pa.nulls(len(self.chunk.numbers), pa.string())
        if (index := pc.index(pc.match_substring(values, "\0"), True).as_py()) >= 0:
            self.refuse(index, f"a NUL character in the {role}")
        return values

    def filled(self, role: str) -> pa.Array:
        """Return a column of strings with null instead of blanks."""
        values = self.strings(role)
        return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, pa.string()), values)

    def ids(self, first: int) -> pa.Array:
        if "id" not in self.chunk.columns:
            return pa.array([str(number) for number in range(first, first + len(self.chunk.numbers))], pa.string())
        values = self.filled("id")
        if values.null_count:
            index = pc.index(pc.is_null(values), True).as_py()
            self.refuse(index, "the id is blank; give it one, or set fetch.file.columns.id to null to use row numbers")
        return values

    def dates(self) -> pa.Array:
        values = self.chunk.columns.get("date")
        if values is not None and pa.types.is_date32(values.type):
            # A date32 can hold years outside 1 to 9999; a Python date cannot.
            days = values.cast(pa.int32())
            outside = pc.or_(pc.less(days, -719_162), pc.greater(days, 2_932_896))
            if (index := pc.index(outside, True).as_py()) >= 0:
                self.refuse(index, f"the date is {days[index]} days from 1970, outside the years 1 to 9999")
            return values
        coded = self.filled("date").dictionary_encode()
        parsed = [parse_date(value) for value in coded.dictionary.to_pylist()]
        if None in parsed:
            index = pc.index(coded.indices, pa.scalar(parsed.index(None), coded.indices.type)).as_py()
            self.refuse(index, f"{shown(coded[index].as_py())} is not a date; use YYYY-MM-DD or MM/DD/YYYY")
        return pa.array(parsed, pa.date32()).take(coded.indices)

    def splits(self) -> pa.Array:
        coded = self.filled("split").dictionary_encode()
        names = coded.dictionary.to_pylist()
        found = [SPLIT_NAMES.get(name.strip().lower()) for name in names]
        if None in found:
            index = pc.index(coded.indices, pa.scalar(found.index(None), coded.indices.type)).as_py()
            known = ", ".join(SPLIT_NAMES)
            self.refuse(index, f"the split is {shown(coded[index].as_py())}; use a name among {known}, or a blank")
        return pa.array(found, pa.string()).take(coded.indices)

    def batch(self, first: int) -> pa.RecordBatch:
        """Return the rows in RAW_SCHEMA, then the kept columns; `first` is the number of the first row in the file."""
        text = pc.fill_null(self.strings("text"), "")
        arrays = [self.ids(first), text, self.filled("label"), self.dates(), self.filled("product"), self.splits()]
        batch = pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)
        for role, values in self.chunk.columns.items():
            if role.startswith(KEPT):
                batch = batch.append_column(role, values)
        return batch


def checked_batch(path: Path, unit: str, chunk: Chunk, first: int) -> pa.RecordBatch:
    """Return a chunk's rows in RAW_SCHEMA, as `read_batches` yields them.

    Args:
        path: the file, for messages.
        unit: "line" or "row": the unit of `chunk.numbers`, for messages.
        chunk: the rows.
        first: number of the chunk's first row among all rows of the file, used as its id without an id column.

    Raises:
        UserError: naming the first line or row with a value that is refused.
    """
    return _ChunkChecker(path, unit, chunk).batch(first)


def _refuse_duplicates(path: Path, params: FileParams, unit: str, hashes: array) -> None:
    """Raise UserError if two rows have the same id.

    Args:
        path: the file.
        params: parameters with which it was read.
        unit: "line" or "row".
        hashes: the hash of every id. Only the hashes are kept while reading, to save memory; the file is read again if
            two of them are equal.
    """
    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    repeated = ordered[1:][ordered[1:] == ordered[:-1]].tolist()
    if not repeated:
        return
    suspects = set(repeated)
    found: dict[str, tuple[int, int]] = {}
    for chunk in _chunks(path, params):
        columns = chunk.columns["id"].to_pylist(), chunk.columns["text"].to_pylist()
        for row_id, text, number in zip(*columns, chunk.numbers, strict=True):
            if hash(row_id) not in suspects:
                continue
            if row_id in found:
                first, text_hash = found[row_id]
                same = "the same text" if hash(text) == text_hash else "another text"
                raise UserError(
                    f"{path}, {unit} {number}: the id {shown(row_id)} is also that of {unit} {first}, with {same} "
                    f"({len(repeated)} rows repeat an id); keep one row per id, or set fetch.file.columns.id to null"
                )
            found[row_id] = number, hash(text)


def read_batches(path: Path, params: FileParams, kept: Iterable[str] = ()) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a file in RAW_SCHEMA and in order, at most 10,000 per batch.

    The columns `kept` follow unchanged, each named by KEPT and its own name.

    Without an id column, a row's `row_id` is its number in the file, from 1. A missing text becomes "", a blank label,
    date, product or split becomes null, and any other value is kept unchanged. Dates are YYYY-MM-DD or, as in the
    CFPB's older exports, MM/DD/YYYY; a time after them is dropped. Empty lines are skipped.

    Raises:
        UserError: naming the file and the wrong line (the wrong row, for Parquet). A repeated id is found after the
            last batch is drawn, so do not use any batch before.
    """
    unit = UNITS[file_format(path, params.format)]
    hashes = array("q")
    rows = 0
    for chunk in _chunks(path, params, kept):
        batch = checked_batch(path, unit, chunk, first=rows + 1)
        rows += batch.num_rows
        if "id" in chunk.columns:
            hashes.extend(map(hash, batch.column("row_id").to_pylist()))
        yield batch
    if rows == 0:
        raise UserError(f"{path} has no rows")
    _refuse_duplicates(path, params, unit, hashes)
