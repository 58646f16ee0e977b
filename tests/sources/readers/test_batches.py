"""Complaints files of every format yield the same rows."""

import csv
import gzip
import io
import json
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.complaints_files import (
    HEADER,
    KINDS,
    ROWS,
    all_columns,
    csv_bytes,
    read,
    refusal,
    write,
    zip_bytes,
)
from support.fetching import columns_of, file_params

from complaints.core.schema import RAW_SCHEMA
from complaints.sources.readers.batches import SPLIT_NAMES, parse_date, read_batches


@pytest.mark.parametrize("name", KINDS)
def test_every_format_yields_the_same_rows(tmp_path: Path, name: str) -> None:
    names = RAW_SCHEMA.names
    assert read(write(tmp_path / name, ROWS)) == [
        dict(zip(names, ["7", ROWS[0][1], "Fees", date(2020, 2, 29), "Loan", "train"], strict=True)),
        dict(zip(names, ["8", ROWS[1][1], "Other, odd", date(2021, 1, 5), None, "test"], strict=True)),
        dict(zip(names, ["9", "", None, None, None, None], strict=True)),
    ]


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl"])
def test_without_an_id_column_ids_are_row_numbers_across_batches(tmp_path: Path, name: str) -> None:
    rows = [["same", f"text {i}", "Fees", "", "", ""] for i in range(25_003)]
    params = all_columns(id=None, date=None, product=None, split=None)
    batches = list(read_batches(write(tmp_path / name, rows), params))
    assert len(batches) == 3
    table = pa.Table.from_batches(batches)
    assert table["row_id"].to_pylist() == [str(number) for number in range(1, 25_004)]
    assert table["text"].to_pylist() == [row[1] for row in rows]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_line_endings_and_empty_lines_are_accepted(tmp_path: Path, ending: str, mark: bytes) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(mark + csv_bytes(ROWS, ending=ending) + 2 * ending.encode())
    assert [row["text"] for row in read(path)] == [row[1] for row in ROWS]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_other_encodings_are_read_when_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes("text,label\ncafé,Fees\n".encode(encoding))
    assert read(path, all_columns(encoding=encoding, id=None, date=None, product=None, split=None))[0]["text"] == "café"


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl"])
def test_a_text_of_a_megabyte_is_complete(tmp_path: Path, name: str) -> None:
    text = 'a "b",\n' * 150_000
    assert read(write(tmp_path / name, [["1", text, "Fees", "", "", ""]]))[0]["text"] == text


def test_parquet_numbers_as_ids_dates_timestamps_and_categories_are_read(tmp_path: Path) -> None:
    moments = [datetime(1969, 12, 31, 23, 59), datetime(2020, 1, 1, 12)]
    table = pa.table({"id": [1, 2], "text": pa.array(["a", None], pa.large_string()), "date": moments})
    table = table.append_column("label", pa.array(["Fees", "Fees"]).dictionary_encode())
    pq.write_table(table, tmp_path / "c.parquet")
    rows = read(tmp_path / "c.parquet", all_columns(product=None, split=None))
    assert [row["row_id"] for row in rows] == ["1", "2"]
    assert [row["text"] for row in rows] == ["a", ""]
    assert [row["label"] for row in rows] == ["Fees", "Fees"]
    assert [row["date"] for row in rows] == [date(1969, 12, 31), date(2020, 1, 1)]


@pytest.mark.parametrize("role", ["label", "product"])
@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([3, -1, None], pa.int8(), ["3", "-1", None]),
        ([3, 2**63, None], pa.uint64(), ["3", str(2**63), None]),
        ([True, False, None], pa.bool_(), ["true", "false", None]),
        (["3", "true", None], pa.large_string(), ["3", "true", None]),
    ],
)
@pytest.mark.parametrize("category", [False, True])
def test_a_category_has_the_same_text_in_every_format(
    tmp_path: Path, values: list[Any], kind: pa.DataType, wanted: list[str | None], role: str, category: bool
) -> None:
    strings = ["a", "b", "c"]
    column = pa.array(values, kind).dictionary_encode() if category else pa.array(values, kind)
    pq.write_table(pa.table({"text": strings, "label": strings, role: column}), tmp_path / "c.parquet")
    rows = [{"text": text, "label": text, role: value} for text, value in zip(strings, values, strict=True)]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    typed = [["text", "label", "product"], *([s, s, s] for s in strings)]
    position = typed[0].index(role)
    for row, value in zip(typed[1:], wanted, strict=True):
        row[position] = value or ""
    (tmp_path / "c.csv").write_bytes(csv_bytes(typed[1:], typed[0]))
    for name in ("c.parquet", "c.jsonl", "c.csv"):
        params = all_columns(id=None, date=None, split=None, product="product" if role == "product" else None)
        assert [row[role] for row in read(tmp_path / name, params)] == wanted, name


@pytest.mark.parametrize("suffix", ["", ".gz", ".zip"])
@pytest.mark.parametrize(
    ("name", "delimiter", "mark"),
    [
        ("c.tsv", "auto", "\t"),
        ("c.TSV", "auto", "\t"),
        ("c.csv", "auto", ","),
        ("c.csv", "tab", "\t"),
        ("c.csv", "semicolon", ";"),
        ("c.csv", "pipe", "|"),
        ("c.tsv", "comma", ","),
    ],
)
def test_columns_are_separated_as_the_name_or_the_parameters_say(
    tmp_path: Path, name: str, delimiter: str, mark: str, suffix: str
) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=mark).writerows([HEADER, *ROWS])
    content = stream.getvalue().encode()
    path = tmp_path / (name + suffix)
    packed = {"": content, ".gz": gzip.compress(content), ".zip": zip_bytes({"c": content})}
    path.write_bytes(packed[suffix])
    assert read(path, all_columns(delimiter=delimiter)) == read(write(tmp_path / "plain.csv", ROWS))


def test_quotes_are_characters_like_any_other_where_the_parameters_say_so(tmp_path: Path) -> None:
    path = tmp_path / "c.tsv"
    path.write_text('text\tlabel\n"Yes" he said\tFees\n"No"\tFees\nopen "\tFees\n')
    columns = columns_of(id=None)
    assert "set fetch.file.quotes to false" in refusal(path, file_params(columns))
    texts = [row["text"] for row in read(path, file_params(columns, quotes=False))]
    assert texts == ['"Yes" he said', '"No"', 'open "']


@pytest.mark.parametrize("name", [name for word in SPLIT_NAMES for name in (word, word.title(), f" {word.upper()}")])
def test_names_of_splits_in_any_case_are_one_of_the_three(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "c.csv", [["1", "a", "b", "", "", name]])
    assert read(path)[0]["source_split"] == SPLIT_NAMES[name.strip().lower()]


@pytest.mark.parametrize("value", ["2020-03-04", "2020-03-04T23:59:01.5Z", "2020-03-04 23:59:00-0500", "03/04/2020"])
def test_dates_with_and_without_a_time_are_parsed(value: str) -> None:
    assert parse_date(value) == date(2020, 3, 4)


@pytest.mark.parametrize("value", ["2021-02-29", "13/01/2020", "2020-3-4", "2020-03-04 or", "20200304", "٢٠٢٠-03-04"])
def test_other_strings_are_not_parsed_as_dates(value: str) -> None:
    assert parse_date(value) is None


def test_ids_that_only_share_a_hash_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("complaints.sources.readers.batches.hash", lambda _: 7, raising=False)
    assert [row["row_id"] for row in read(write(tmp_path / "c.csv", ROWS))] == ["7", "8", "9"]


def test_the_format_of_the_parameters_overrides_the_file_name(tmp_path: Path) -> None:
    path = tmp_path / "complaints.txt"
    path.write_bytes(csv_bytes(ROWS))
    assert len(read(path, all_columns(format="csv"))) == len(ROWS)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
HOSTILE = st.text("\",\n\r 'a;\\\ufeff\u2028", max_size=12)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(TEXT | HOSTILE, TEXT | HOSTILE), min_size=1, max_size=8))
def test_any_texts_and_labels_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    rows = [[str(number), text, label, "", "", ""] for number, (text, label) in enumerate(pairs)]
    wanted = [(str(n), text, label if label.strip() else None) for n, (text, label) in enumerate(pairs)]
    for name in ["c.csv", "c.jsonl", "c.parquet"]:
        got = read(write(folder / name, rows))
        assert [(row["row_id"], row["text"], row["label"]) for row in got] == wanted


READ_ALL = """
import re, sys
from pathlib import Path
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import read_batches
columns = ColumnParams(text="text", label="label", id="id", date=None, product=None, split=None)
params = FileParams(format="auto", encoding="utf-8", delimiter="auto", quotes=True, columns=columns)
for path in map(Path, sys.argv[1:]):
    print(sum(batch.num_rows for batch in read_batches(path, params)))
    print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_size_of_the_file(tmp_path: Path) -> None:
    def write_rows(size: str, rows: int) -> list[Path]:
        texts = [f"{i} " + "a story told once more " * 25 for i in range(rows)]
        paths = [tmp_path / f"{size}.csv", tmp_path / f"{size}.jsonl", tmp_path / f"{size}.parquet"]
        with open(paths[0], "w") as stream:
            stream.write("id,text,label\n")
            stream.writelines(f'{i},"{text}",Fees\n' for i, text in enumerate(texts))
        with open(paths[1], "w") as stream:
            stream.writelines(f'{{"id":{i},"text":"{text}","label":"Fees"}}\n' for i, text in enumerate(texts))
        table = pa.table({"id": range(rows), "text": texts, "label": ["Fees"] * rows})
        pq.write_table(table, paths[2], use_dictionary=False, row_group_size=rows)
        return paths

    paths = write_rows("few", 20_000) + write_rows("many", 200_000)
    done = subprocess.run([sys.executable, "-c", READ_ALL, *paths], capture_output=True, text=True, check=True)
    numbers = list(map(int, done.stdout.split()))
    assert numbers[0::2] == [20_000] * 3 + [200_000] * 3
    # The text of the larger table alone takes more than 110 MiB.
    assert numbers[-1] - numbers[5] < 70 * 1024
