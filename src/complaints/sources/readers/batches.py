"""Complaints read from a file of the user's, CSV, Parquet or JSON lines, as a stream of checked batches."""

import re
from array import array
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA, SPLITS
from complaints.sources.params import FileParams
from complaints.sources.readers.chunk import Chunk
from complaints.sources.readers.csv import csv_chunks
from complaints.sources.readers.jsonl import jsonl_chunks
from complaints.sources.readers.lines import PACKED, shown
from complaints.sources.readers.parquet import parquet_chunks

FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
UNITS = {"csv": "line", "parquet": "row", "jsonl": "line"}

_TIME = r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)? ?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
_ISO_DATE = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}}){_TIME}", re.ASCII)
_US_DATE = re.compile(rf"(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/(?P<year>\d{{4}}){_TIME}", re.ASCII)


def file_format(path: Path, wanted: str) -> str:
    """Return "csv", "parquet" or "jsonl": `wanted` itself, or by the file's name where that is "auto".

    Raises:
        UserError: if the name says nothing.
    """
    if wanted != "auto":
        return wanted
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in PACKED else ""
    suffix = suffixes[-1] if suffixes else ""
    if suffix in FORMATS and not (packing and suffix == ".parquet"):
        return FORMATS[suffix]
    if packing == ".zip":
        return "csv"
    raise UserError(f"{path}: its name does not tell the format; set fetch.file.format to csv, parquet or jsonl")


def _chunks(path: Path, params: FileParams) -> Iterator[Chunk]:
    columns = {role: name for role, name in vars(params.columns).items() if name is not None}
    match file_format(path, params.format):
        case "csv":
            return csv_chunks(path, params.encoding, columns)
        case "jsonl":
            return jsonl_chunks(path, params.encoding, columns)
        case _:
            return parquet_chunks(path, columns)


@lru_cache(maxsize=100_000)
def parse_date(value: str) -> date | None:
    """Parse YYYY-MM-DD, or MM/DD/YYYY as the CFPB's older exports have it, dropping a time after it.

    Returns None for anything else, days that no month has included.
    """
    match = _ISO_DATE.fullmatch(value.strip()) or _US_DATE.fullmatch(value.strip())
    if match is None:
        return None
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None


class _Rows:
    """Checks one chunk's columns; every refusal names the file and the line (or row) of the first offender."""

    def __init__(self, path: Path, unit: str, chunk: Chunk) -> None:
        self.path, self.unit, self.chunk = path, unit, chunk

    def refuse(self, index: int, problem: str) -> NoReturn:
        raise UserError(f"{self.path}, {self.unit} {self.chunk.numbers[index]}: {problem}")

    def strings(self, role: str) -> pa.Array:
        """Return a column of strings, all null where the file has no such column."""
        values = self.chunk.columns.get(role)
        if values is None:
            return pa.nulls(len(self.chunk.numbers), pa.string())
        if (index := pc.index(pc.match_substring(values, "\0"), True).as_py()) >= 0:
            self.refuse(index, f"a NUL character in the {role}")
        return values

    def filled(self, role: str) -> pa.Array:
        """Return a column of strings with null for blanks."""
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
            # Years outside 1 to 9999 fit in a date32, but in no date of Python's.
            days = values.cast(pa.int32())
            outside = pc.or_(pc.less(days, -719_162), pc.greater(days, 2_932_896))
            if (index := pc.index(outside, True).as_py()) >= 0:
                self.refuse(index, f"the date lies {days[index]} days from 1970, outside the years 1 to 9999")
            return values
        coded = self.filled("date").dictionary_encode()
        parsed = [parse_date(value) for value in coded.dictionary.to_pylist()]
        if None in parsed:
            index = pc.index(coded.indices, pa.scalar(parsed.index(None), coded.indices.type)).as_py()
            self.refuse(index, f"{shown(coded[index].as_py())} is no date; YYYY-MM-DD or MM/DD/YYYY is wanted")
        return pa.array(parsed, pa.date32()).take(coded.indices)

    def splits(self) -> pa.Array:
        values = self.filled("split")
        known = pc.or_(pc.is_null(values), pc.is_in(values, pa.array(SPLITS)))
        if (index := pc.index(known, False).as_py()) >= 0:
            self.refuse(index, f"the split is {shown(values[index].as_py())}; {', '.join(SPLITS)} or a blank is wanted")
        return values

    def batch(self, first: int) -> pa.RecordBatch:
        """Return the rows in RAW_SCHEMA; `first` is the number of the first one among all rows of the file."""
        text = pc.fill_null(self.strings("text"), "")
        arrays = [self.ids(first), text, self.filled("label"), self.dates(), self.filled("product"), self.splits()]
        return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)


def checked_batch(path: Path, unit: str, chunk: Chunk, first: int) -> pa.RecordBatch:
    """Return a chunk's rows in RAW_SCHEMA, as `read_batches` yields them; `unit` is what its numbers count."""
    return _Rows(path, unit, chunk).batch(first)


def _refuse_duplicates(path: Path, params: FileParams, unit: str, hashes: array) -> None:
    """Raise UserError if two rows have the same id, whatever their texts, given every id's hash.

    Eight bytes a row are kept while reading, not the ids; only when two hashes agree is the file read once more.
    """
    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    repeated = ordered[1:][ordered[1:] == ordered[:-1]].tolist()
    if not repeated:
        return
    suspects = set(repeated)
    seen: dict[str, tuple[int, int]] = {}
    for chunk in _chunks(path, params):
        columns = chunk.columns["id"].to_pylist(), chunk.columns["text"].to_pylist()
        for row_id, text, number in zip(*columns, chunk.numbers, strict=True):
            if hash(row_id) not in suspects:
                continue
            if row_id in seen:
                first, text_hash = seen[row_id]
                same = "the same text" if hash(text) == text_hash else "another text"
                raise UserError(
                    f"{path}, {unit} {number}: the id {shown(row_id)} is that of {unit} {first} too, with {same} "
                    f"({len(repeated)} rows repeat an id); keep one row of each, or set fetch.file.columns.id to null"
                )
            seen[row_id] = number, hash(text)


def read_batches(path: Path, params: FileParams) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in RAW_SCHEMA, at most 10,000 a batch, in the file's order, none left out.

    Without an id column the row's number in the file, from 1, is its `row_id`. A missing text is "", a blank label,
    date, product or split is null, and everything else is kept as it is. Dates are YYYY-MM-DD or, as the CFPB's older
    exports have them, MM/DD/YYYY; a time after them is dropped. Lines without any character are no rows.

    Raises:
        UserError: naming the file and the line (the row, for Parquet) of what is wrong. Two rows with one id are found
            when the last batch has been drawn, so act on no batch before.
    """
    unit = UNITS[file_format(path, params.format)]
    hashes = array("q")
    rows = 0
    for chunk in _chunks(path, params):
        batch = checked_batch(path, unit, chunk, first=rows + 1)
        rows += batch.num_rows
        if "id" in chunk.columns:
            hashes.extend(map(hash, batch.column("row_id").to_pylist()))
        yield batch
    if rows == 0:
        raise UserError(f"{path} has no rows")
    _refuse_duplicates(path, params, unit, hashes)
