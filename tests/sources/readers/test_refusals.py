"""Wrong complaints files are refused in one line that names the file, the line or row, and the problem."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.complaints_files import HEADER, KINDS, ROWS, all_columns, csv_bytes, read, refusal, write, zip_bytes

from complaints.core.errors import UserError

LINES = [b"id,text,label,date,product,split", b"1,one,Fees,,,", b"2,two,Fees,,,"]


def lines_with(*more: bytes) -> bytes:
    return b"\n".join([*LINES, *more, b""])


BAD_CSV = {
    "quote never closed": (lines_with(b'3,"three,Fees,,,', b"4,four,Fees,,,"), ["line 4", "never closed"]),
    "quote closed by a later row": (lines_with(b'3,"three,Fees,,,', b'4,"four",Fees,,,'), ["line 4", "seen on line 5"]),
    "quote that swallows a row": (lines_with(b'3,"three,Fees,,,', b'4,",x",Fees,,,'), ["line 4", "7 fields"]),
    "too many fields": (lines_with(b"3,three, again,Fees,,,"), ["line 4", "7 fields", "header has 6"]),
    "too few fields": (lines_with(b"3,three,Fees"), ["line 4", "3 fields", "header has 6"]),
    "wrong encoding": (lines_with(b"3,caf\xe9,Fees,,,"), ["line 4", "0xe9", "utf-8", "fetch.file.encoding"]),
    "wrong encoding later": (lines_with(*[b"3,x,Fees,,,"] * 9999, b"\xff"), ["line 10003", "0xff"]),
    "cut inside a character": (lines_with()[:-1] + b"\xe2\x82", ["line 3", "0xe2"]),
    "NUL byte": (lines_with(b"3,th\0ree,Fees,,,"), ["line 4", "NUL"]),
    "NUL byte elsewhere": (b"more,id,text,label,date,product,split\n\0,1,a,b,,,\n", ["line 2", "NUL"]),
    "line after a line break in a field": (lines_with(b'3,"a\nb\nc",Fees,,,', b"4"), ["line 7", "1 fields"]),
    "missing column": (b"id,text,lable,date,product,split\n1,a\n", ["'label'", "columns.label", "'lable'", "'id'"]),
    "other separator": (b"id;text;label\n1;a;b\n", ["no column 'text'", "by a semicolon", "fetch.file.delimiter"]),
    "two columns of one name": (b"id,text,label,date,product,split,text\n", ["more than one column", "'text'"]),
    "empty": (b"", ["is empty"]),
    "only line ends": (b"\n\n", ["is empty"]),
    "only a header": (LINES[0] + b"\n", ["has no rows"]),
    "web page": (b"\n <!DOCTYPE html><html>404</html>", ["web page", "not what its name says"]),
    "Parquet": (b"PAR1\0\0", ["a Parquet file", "not what its name says"]),
    "gzip": (gzip.compress(b"id"), ["a gzip file", "not what its name says"]),
    "zip": (zip_bytes({"c.csv": b"id"}), ["a zip archive", "not what its name says"]),
    "same id twice": (lines_with(b"2,other,Fees,,,"), ["line 4", "'2'", "also that of line 3"]),
    "blank id": (lines_with(b" ,three,Fees,,,"), ["line 4", "id is blank", "fetch.file.columns.id"]),
    "no date": (lines_with(b"3,three,Fees,2020-02-30,,"), ["line 4", "'2020-02-30' is not a date"]),
    "unknown split": (lines_with(b"3,three,Fees,,,holdout"), ["line 4", "'holdout'", "train, training, validation"]),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    content, fragments = BAD_CSV[case]
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    message = refusal(path)
    for fragment in [str(path), *fragments]:
        assert fragment in message


GOOD = b'{"id":"1","text":"a","label":"b","date":null,"product":null,"split":null}\n'
BAD_JSON = {
    "not JSON": (GOOD + b"{'id': 2}\n", ["line 2", "not JSON"]),
    "not an object": (GOOD + b"\n[1]\n", ["line 3", "[1] is not a JSON object"]),
    "too deep": (GOOD + b"[" * 200_000, ["line 2", "not JSON"]),
    "same key twice": (GOOD + b'{"id":"2","text":"a","text":"b"}', ["line 2", "twice"]),
    "number as text": (GOOD + b'{"id":2,"text":3.5,"label":"b"}', ["line 2", "text is 3.5, not a string"]),
    "true as id": (GOOD + b'{"id":true,"text":"a","label":"b"}', ["line 2", "id is True"]),
    "no id": (GOOD + b'{"text":"a","label":"b"}', ["line 2", "id is blank"]),
    "lone surrogate": (GOOD + b'{"id":"2","text":"\\ud83d!","label":"b"}', ["line 2", "surrogate", "text"]),
    "NUL character": (GOOD + b'{"id":"2","text":"a\\u0000","label":"b"}', ["line 2", "NUL"]),
    "same id twice": (GOOD + GOOD, ["line 2", "'1'", "also that of line 1"]),
    "key in no object": (b'{"id":"1","txt":"a","label":"b"}\n', ["no column 'text'", "'txt'", "columns.text"]),
    "only empty lines": (b"\n\n", ["no rows"]),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_bad_json_lines_are_refused_with_their_line(tmp_path: Path, case: str) -> None:
    content, fragments = BAD_JSON[case]
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    message = refusal(path)
    for fragment in [str(path), *fragments]:
        assert fragment in message


BROKEN_UTF8 = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"], pa.binary()).buffers())
BAD_PARQUET: dict[str, tuple[dict[str, Any], list[str]]] = {
    "numbers as text": ({"text": [1, 2]}, ["'text' holds int64"]),
    "bytes as label": ({"label": [b"a", b"b"]}, ["'label' holds binary"]),
    "fractions as ids": ({"id": [1.0, 2.0]}, ["'id' holds double"]),
    "missing id": ({"id": [1, None]}, ["row 2", "id is blank"]),
    "same id twice": ({"id": ["1", "1"]}, ["row 2", "'1'", "also that of row 1"]),
    "no date": ({"date": ["2020-01-01", "yesterday"]}, ["row 2", "'yesterday' is not a date"]),
    "date out of range": ({"date": pa.array([0, 9_999_999], pa.int32()).cast(pa.date32())}, ["row 2", "outside"]),
    "unknown split": ({"split": ["train", "trail"]}, ["row 2", "'trail'"]),
    "fractions as labels": ({"label": [1.0, 2.0]}, ["'label' holds double, not strings, integers or booleans"]),
    "booleans as ids": ({"id": [True, False]}, ["'id' holds bool, not strings or integers"]),
    "not UTF-8": ({"text": BROKEN_UTF8}, ["row 2", "'text'", "UTF-8"]),
    "NUL character": ({"label": ["a", "b\0"]}, ["row 2", "NUL"]),
}


@pytest.mark.parametrize("case", BAD_PARQUET)
def test_bad_parquet_is_refused_with_its_row(tmp_path: Path, case: str) -> None:
    changes, fragments = BAD_PARQUET[case]
    good = {"id": ["1", "2"], "text": ["a", "b"], "label": ["c", "d"], **{h: [None, None] for h in HEADER[3:]}}
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table(good | changes), path)
    message = refusal(path)
    for fragment in [str(path), *fragments]:
        assert fragment in message


GZIP = gzip.compress(csv_bytes([[str(i), f"text {i * i}", "l", "", "", ""] for i in range(500)]))
ODD_FILES = {
    "gzip cut short": ("c.csv.gz", GZIP[:-900], "is it complete?"),
    "gzip altered": ("c.csv.gz", GZIP[:-6] + b"??" + GZIP[-4:], "is it complete?"),
    "gzip of nothing": ("c.csv.gz", gzip.compress(b""), "is empty"),
    "gzip of a web page": ("c.csv.gz", gzip.compress(b"<html>"), "inside is a web page"),
    "text named gzip": ("c.csv.gz", b"id,text\n", "a gzip file was expected"),
    "text named zip": ("c.csv.zip", b"id,text\n", "a zip archive was expected"),
    "zip of two files": ("c.zip", zip_bytes({"a.csv": b"id", "b.csv": b"id"}), "holds 2 files ('a.csv', 'b.csv')"),
    "zip with a password": (
        "c.zip",
        zip_bytes({"a.csv": b"id"}).replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"),
        "is encrypted",
    ),
    "zip cut short": ("c.zip", zip_bytes({"a.csv": b"id\n"})[:-9], "is it complete?"),
    "text named Parquet": ("c.parquet", b"id,text\n", "a Parquet file was expected"),
    "Parquet cut short": ("c.parquet", b"PAR1....", "is it complete?"),
    "name without a format": ("c.txt", b"id,text\n", "set fetch.file.format"),
}


@pytest.mark.parametrize("case", ODD_FILES)
def test_a_damaged_file_or_one_of_another_type_is_refused(tmp_path: Path, case: str) -> None:
    name, content, fragment = ODD_FILES[case]
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert str(tmp_path / name) in message
    assert fragment in message


@pytest.mark.parametrize("name", ["c.csv", "c.csv.gz", "c.parquet", "c.jsonl"])
def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    assert "does not exist" in refusal(tmp_path / name)
    (tmp_path / name).mkdir()
    assert "is a folder" in refusal(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf8000", "hex"])
def test_an_unknown_encoding_is_refused_by_name(tmp_path: Path, encoding: str) -> None:
    message = refusal(write(tmp_path / "c.csv", ROWS), all_columns(encoding=encoding))
    assert "fetch.file.encoding" in message
    assert encoding in message


def test_too_long_a_field_or_line_and_too_high_a_compression_ratio_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("complaints.sources.readers.csv.FIELD_CHARACTERS", 1000)
    assert "line 2: a field of more than 1,000" in refusal(write(tmp_path / "c.csv", [["1", "a\n" * 501, *[""] * 4]]))
    monkeypatch.setattr("complaints.sources.readers.lines.LINE_CHARACTERS", 1000)
    assert "line 1: longer than 1,000" in refusal(write(tmp_path / "c.jsonl", [["1", "a" * 1000, *[""] * 4]]))
    monkeypatch.undo()
    monkeypatch.setattr("complaints.sources.readers.lines.EXPANDED_FLOOR", 0)
    path = write(tmp_path / "c.csv.gz", [[str(i), "a" * 10_000, "b", "", "", ""] for i in range(100)])
    assert "200 times its size" in refusal(path)


FRAGMENTS = st.sampled_from([LINES[0] + b"\n", LINES[1] + b"\n", GOOD, GZIP, b'"', b",", b"\n", b"\r", b"\xef\xbb\xbf"])


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(KINDS), st.lists(FRAGMENTS | st.binary(max_size=20), max_size=8))
def test_any_bytes_yield_rows_or_a_message_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, fragments: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(b"".join(fragments))
    rows, message = [], ""
    try:
        rows = read(path)
    except UserError as error:
        message = str(error)
    assert rows or str(path) in message
    assert "\n" not in message
