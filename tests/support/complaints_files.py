"""Complaints files in every format, and their rows as the readers return them."""

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.params import FileParams
from complaints.sources.readers.batches import read_batches
from support.fetching import Format, columns_of, file_params

HEADER = ["id", "text", "label", "date", "product", "split"]
ROWS = [
    ["7", 'They said "no", twice', "Fees", "2020-02-29", "Loan", "train"],
    ["8", "two\r\nlines\nand – €", "Other, odd", "2021-01-05", "", "test"],
    ["9", "", "", "", "", ""],
]
KINDS = ["c.csv", "c.csv.gz", "c.csv.zip", "c.zip", "c.CSV", "c.parquet", "c.jsonl", "c.ndjson", "c.jsonl.gz"]


def all_columns(
    format: Format = "auto",
    encoding: str = "utf-8",
    delimiter: str = "auto",
    quotes: bool = True,
    **changes: str | None,
) -> FileParams:
    """Return parameters of a file with a column for every role, or with changes: role=name."""
    names: dict[str, str | None] = {"date": "date", "product": "product", "split": "split", **changes}
    return file_params(columns_of(**names), format, encoding, delimiter=delimiter, quotes=quotes)


def read(path: Path, params: FileParams | None = None) -> list[dict[str, Any]]:
    batches = list(read_batches(path, params or all_columns()))
    for batch in batches:
        assert batch.schema == RAW_SCHEMA
        batch.validate(full=True)
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, RAW_SCHEMA).to_pylist()
    return rows


def csv_bytes(rows: list[list[str]], header: list[str] = HEADER, ending: str = "\n") -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=ending).writerows([header, *rows])
    return stream.getvalue().encode()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def write(path: Path, rows: list[list[str]]) -> Path:
    """Write a table in the format of the file name, and return the path."""
    name = path.name.lower()
    if ".parquet" in name:
        pq.write_table(pa.table({h: [row[i] or None for row in rows] for i, h in enumerate(HEADER)}), path)
        return path
    lines = (json.dumps({h: v or None for h, v in zip(HEADER, row, strict=True)}) for row in rows)
    content = csv_bytes(rows, ending="\r\n") if "json" not in name else "\n".join(lines).encode()
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".zip"):
        content = zip_bytes({"__MACOSX/._c.csv": b"fork", "deep/": b"", "../climbs/out.csv": content})
    path.write_bytes(content)
    return path


def refusal(path: Path, params: FileParams | None = None) -> str:
    """Return the message with which the file is refused, in one short line."""
    with pytest.raises(UserError) as caught:
        read(path, params)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message
