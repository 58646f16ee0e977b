"""Any complaints file is read correctly or refused in one line.

A longer run: `FUZZ_EXAMPLES=20000 python -m pytest tests/sources/readers/test_fuzz.py`.
"""

import csv
import encodings.aliases
import gzip
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fetching import columns_of, file_params

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.readers.batches import parse_date, read_batches

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))


def fuzzed(examples: int) -> settings:
    """Return the settings of a test: random examples for a longer run, else the same examples every time."""
    return settings(max_examples=EXAMPLES or examples, deadline=None, derandomize=not EXAMPLES)


Rows = list[tuple[str, str, str]]
COLUMNS = ("id", "text", "label")


def read(path: Path, columns: tuple[str, ...] = COLUMNS, encoding: str = "utf-8") -> list[dict[str, Any]] | str:
    """Return the rows, or the message with which the file is refused."""
    params = file_params(columns_of(**dict(zip(COLUMNS, columns, strict=True))), encoding=encoding)
    try:
        batches = list(read_batches(path, params))
    except UserError as error:
        message = str(error)
        assert message.isprintable(), message
        assert message
        return message
    for batch in batches:
        batch.validate(full=True)
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, RAW_SCHEMA).to_pylist()
    return rows


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("c.csv"), content)
    return stream.getvalue()


def by_csv(header: tuple[str, ...], rows: Rows, **style: Any) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, **style).writerows([header, *rows])
    return stream.getvalue().encode()


def by_json(header: tuple[str, ...], rows: Rows, ascii_only: bool) -> bytes:
    lines = (json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=ascii_only) + "\n" for row in rows)
    return "".join(lines).encode()


def by_arrow(header: tuple[str, ...], rows: Rows, write: Callable[..., object], **style: Any) -> bytes:
    arrays = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    stream = io.BytesIO()
    write(pa.table(dict(zip(header, arrays, strict=True))), stream, **style)
    return stream.getvalue()


QUOTE_ALL = {"quoting": csv.QUOTE_ALL}
WRITERS: dict[str, Callable[[tuple[str, ...], Rows], bytes]] = {
    "minimal.csv": lambda header, rows: by_csv(header, rows),
    "all.csv": lambda header, rows: by_csv(header, rows, lineterminator="\n", **QUOTE_ALL),
    "return.csv": lambda header, rows: by_csv(header, rows, lineterminator="\r", **QUOTE_ALL),
    "arrow.csv": lambda header, rows: by_arrow(header, rows, pacsv.write_csv),
    "one.csv.gz": lambda header, rows: gzip.compress(by_csv(header, rows), mtime=0),
    "members.csv.gz": lambda header, rows: b"".join(gzip.compress(b, mtime=0) for b in halves(by_csv(header, rows))),
    "one.csv.zip": lambda header, rows: zipped(by_csv(header, rows)),
    "ascii.jsonl": lambda header, rows: by_json(header, rows, True),
    "plain.jsonl": lambda header, rows: by_json(header, rows, False),
    "packed.jsonl.gz": lambda header, rows: gzip.compress(by_json(header, rows, False), mtime=0),
    "dictionary.parquet": lambda header, rows: by_arrow(header, rows, pq.write_table),
    "plain.parquet": lambda header, rows: by_arrow(
        header, rows, pq.write_table, use_dictionary=False, compression="zstd"
    ),
}


def halves(content: bytes) -> tuple[bytes, bytes]:
    return content[: len(content) // 2], content[len(content) // 2 :]


CELL = st.text(max_size=20) | st.text("\",\n\r '\t;\\\0\ufeff\u200b\u202e\u2028\x85\x1b\ud800é", max_size=8)
ROWS = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6)
NAME = CELL.filter(lambda name: name.strip() and "\ud800" not in name)
"""Names of columns that parameters from YAML can have: not blank, and valid Unicode."""
NAMES = st.lists(NAME, min_size=3, max_size=3, unique=True).map(tuple) | st.just(COLUMNS)


@pytest.mark.parametrize("name", WRITERS)
@fuzzed(60)
@given(NAMES, ROWS)
def test_a_table_is_read_as_it_was_written_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, header: tuple[str, str, str], rows: Rows
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    try:
        path.write_bytes(WRITERS[name](header, rows))
    except (UnicodeEncodeError, pa.ArrowInvalid):
        return
    got = read(path, header)
    if isinstance(got, list):
        wanted = [(row_id, text, label if label.strip() else None) for row_id, text, label in rows]
        assert [(row["row_id"], row["text"], row["label"]) for row in got] == wanted
    else:
        flat = [cell for row in [header, *rows] for cell in row]
        ids = [row[0] for row in rows]
        plain = not any("\0" in cell or "\ufeff" in cell or not cell.strip() for cell in flat)
        surrogates = any("\ud800" <= character <= "\udfff" for cell in flat for character in cell)
        assert not (plain and not surrogates and len(set(ids)) == len(ids)), got


GOOD: Rows = [(str(number), f'said "no", twice\n– {number * number}', f"Fees {number % 3}") for number in range(40)]
VALID = {name: WRITERS[name](COLUMNS, GOOD) for name in WRITERS if name != "return.csv"}
CHECKED = ("one.csv.gz", "members.csv.gz", "one.csv.zip", "packed.jsonl.gz")
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "delete", "insert", "truncate"]),
        st.integers(0, 2**20),
        st.integers(1, 255),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    """Apply edits, each at a position modulo the length."""
    buffer = bytearray(content)
    for kind, position, number, more in edits:
        start = position % max(1, len(buffer))
        match kind:
            case "flip":
                buffer[start : start + 1] = bytes(byte ^ number for byte in buffer[start : start + 1])
            case "set":
                buffer[start : start + len(more)] = more
            case "delete":
                del buffer[start : start + number]
            case "insert":
                buffer[start:start] = more
            case "truncate":
                del buffer[start:]
    return bytes(buffer)


@pytest.mark.parametrize("name", VALID)
@fuzzed(60)
@given(EDITS)
def test_a_damaged_file_yields_rows_or_a_message_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[str, int, int, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(edited(VALID[name], edits))
    got = read(path)
    if isinstance(got, str):
        assert str(path) in got
    elif name in CHECKED:
        assert [(row["row_id"], row["text"], row["label"]) for row in got] == GOOD
    elif name.endswith(".parquet"):
        assert len(got) == pq.ParquetFile(path).metadata.num_rows
    elif name.endswith(".jsonl"):
        assert len(got) == sum(1 for line in path.read_bytes().decode("utf-8-sig").splitlines() if line.strip())


DATES = st.dates(date(1, 1, 1), date(9999, 12, 31))
TIMES = st.sampled_from(
    ["", "T23:59", " 23:59:59", "T23:59:59.123456Z", " 00:00:00 UTC", "T00:00:00+14:00", " 12:30-0500"]
)


@fuzzed(200)
@given(DATES, TIMES, st.sampled_from(["", " ", "\t"]))
def test_a_date_is_parsed_in_both_notations(day: date, time: str, space: str) -> None:
    assert parse_date(f"{space}{day.isoformat()}{time}{space}") == day
    assert parse_date(f"{day.month:02}/{day.day:02}/{day.year:04}{time}") == day
    assert parse_date(f"{day.month}/{day.day}/{day.year:04}") == day


@fuzzed(300)
@given(
    st.text(max_size=25)
    | st.text("0123456789-/T :Z.٣", max_size=25)
    | st.from_regex(r"\d{4}-\d\d-\d\d", fullmatch=True)
)
def test_a_parsed_date_has_the_digits_of_its_string(value: str) -> None:
    day = parse_date(value)
    if day is not None:
        digits = re.findall(r"\d+", value)
        assert sorted(map(int, digits[:3])) == sorted((day.year, day.month, day.day))
        assert value.isascii()


@pytest.mark.parametrize("name", ["minimal.csv", "plain.jsonl", "plain.parquet"])
@fuzzed(60)
@given(st.lists(st.text("1aé \u200b\u202e\n", max_size=3), min_size=1, max_size=6))
def test_ids_are_unchanged_or_refused_if_one_is_blank_or_repeated(
    tmp_path_factory: pytest.TempPathFactory, name: str, ids: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(WRITERS[name](COLUMNS, [(row_id, "text", "label") for row_id in ids]))
    got = read(path)
    if not all(row_id.strip() for row_id in ids):
        assert "the id is blank" in got
    elif len(set(ids)) < len(ids):
        assert f"({len(ids) - len(set(ids))} rows repeat an id)" in got
    else:
        assert isinstance(got, list)
        assert [row["row_id"] for row in got] == ids


ENCODINGS = sorted({*encodings.aliases.aliases.values(), "idna", "punycode", "undefined", "unicode_escape", "utf-8"})


@fuzzed(300)
@given(st.sampled_from(ENCODINGS) | st.text(max_size=8).filter(str.strip), st.binary(max_size=60))
def test_any_encoding_of_any_bytes_yields_rows_or_a_message_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, encoding: str, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "c.csv"
    path.write_bytes(b"id,text,label\n1,a,b\n" + content)
    got = read(path, encoding=encoding)
    # Ids of rows are distinct and not blank; `read` checks that a refusal is one line.
    assert isinstance(got, str) or len({row["row_id"] for row in got if row["row_id"].strip()}) == len(got)
