"""Complaints files of every kind give the same rows, and whatever is wrong with one is said in one line."""

import csv
import gzip
import io
import json
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import parse_date, read_batches

HEADER = ["id", "text", "label", "date", "product", "split"]
ROWS = [
    ["7", 'They said "no", twice', "Fees", "2020-02-29", "Loan", "train"],
    ["8", "two\r\nlines\nand – €", "Other, odd", "2021-01-05", "", "test"],
    ["9", "", "", "", "", ""],
]
KINDS = ["c.csv", "c.csv.gz", "c.csv.zip", "c.zip", "c.CSV", "c.parquet", "c.jsonl", "c.ndjson", "c.jsonl.gz"]


def file_params(form: str = "auto", encoding: str = "utf-8", **columns: str | None) -> FileParams:
    names: dict[str, str | None] = {**{name: name for name in HEADER}, **columns}
    return FileParams(form, encoding, ColumnParams(**names))  # type: ignore[arg-type]


def read(path: Path, params: FileParams | None = None) -> list[dict]:
    batches = list(read_batches(path, params or file_params()))
    for batch in batches:
        assert batch.schema == RAW_SCHEMA
        batch.validate(full=True)
    return pa.Table.from_batches(batches, RAW_SCHEMA).to_pylist()


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
    """Write the same table in the format that the name tells."""
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
    with pytest.raises(UserError) as caught:
        read(path, params)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("name", KINDS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    names = RAW_SCHEMA.names
    assert read(write(tmp_path / name, ROWS)) == [
        dict(zip(names, ["7", ROWS[0][1], "Fees", date(2020, 2, 29), "Loan", "train"], strict=True)),
        dict(zip(names, ["8", ROWS[1][1], "Other, odd", date(2021, 1, 5), None, "test"], strict=True)),
        dict(zip(names, ["9", "", None, None, None, None], strict=True)),
    ]


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl"])
def test_without_an_id_column_the_row_number_is_the_id_across_batches(tmp_path: Path, name: str) -> None:
    rows = [["same", f"text {i}", "Fees", "", "", ""] for i in range(25_003)]
    params = file_params(id=None, date=None, product=None, split=None)
    batches = list(read_batches(write(tmp_path / name, rows), params))
    assert len(batches) == 3
    table = pa.Table.from_batches(batches)
    assert table["row_id"].to_pylist() == [str(number) for number in range(1, 25_004)]
    assert table["text"].to_pylist() == [row[1] for row in rows]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_line_ends_and_empty_lines_are_accepted(tmp_path: Path, ending: str, mark: bytes) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(mark + csv_bytes(ROWS, ending=ending) + 2 * ending.encode())
    assert [row["text"] for row in read(path)] == [row[1] for row in ROWS]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_other_encodings_are_read_when_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes("text,label\ncafé,Fees\n".encode(encoding))
    assert read(path, file_params(encoding=encoding, id=None, date=None, product=None, split=None))[0]["text"] == "café"


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl"])
def test_a_text_of_a_megabyte_passes_whole(tmp_path: Path, name: str) -> None:
    text = 'a "b",\n' * 150_000
    assert read(write(tmp_path / name, [["1", text, "Fees", "", "", ""]]))[0]["text"] == text


def test_parquet_numbers_as_ids_dates_timestamps_and_categories_are_read(tmp_path: Path) -> None:
    moments = [datetime(1969, 12, 31, 23, 59), datetime(2020, 1, 1, 12)]
    table = pa.table({"id": [1, 2], "text": pa.array(["a", None], pa.large_string()), "date": moments})
    table = table.append_column("label", pa.array(["Fees", "Fees"]).dictionary_encode())
    pq.write_table(table, tmp_path / "c.parquet")
    rows = read(tmp_path / "c.parquet", file_params(product=None, split=None))
    assert [row["row_id"] for row in rows] == ["1", "2"]
    assert [row["text"] for row in rows] == ["a", ""]
    assert [row["label"] for row in rows] == ["Fees", "Fees"]
    assert [row["date"] for row in rows] == [date(1969, 12, 31), date(2020, 1, 1)]


@pytest.mark.parametrize("value", ["2020-03-04", "2020-03-04T23:59:01.5Z", "2020-03-04 23:59:00-0500", "03/04/2020"])
def test_dates_with_and_without_a_time_are_parsed(value: str) -> None:
    assert parse_date(value) == date(2020, 3, 4)


@pytest.mark.parametrize("value", ["2021-02-29", "13/01/2020", "2020-3-4", "2020-03-04 or", "20200304", "٢٠٢٠-03-04"])
def test_what_is_no_date_is_not_parsed(value: str) -> None:
    assert parse_date(value) is None


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
    "other separator": (b"id;text;label\n1;a;b\n", ["no column 'text'", "comma"]),
    "two columns of one name": (b"id,text,label,date,product,split,text\n", ["more than one column", "'text'"]),
    "empty": (b"", ["is empty"]),
    "only line ends": (b"\n\n", ["is empty"]),
    "only a header": (LINES[0] + b"\n", ["has no rows"]),
    "web page": (b"\n <!DOCTYPE html><html>404</html>", ["web page", "not what its name says"]),
    "Parquet": (b"PAR1\0\0", ["a Parquet file", "not what its name says"]),
    "gzip": (gzip.compress(b"id"), ["a gzip file", "not what its name says"]),
    "zip": (zip_bytes({"c.csv": b"id"}), ["a zip archive", "not what its name says"]),
    "same id twice": (lines_with(b"2,other,Fees,,,"), ["line 4", "'2'", "line 3 too"]),
    "blank id": (lines_with(b" ,three,Fees,,,"), ["line 4", "id is blank", "fetch.file.columns.id"]),
    "no date": (lines_with(b"3,three,Fees,2020-02-30,,"), ["line 4", "'2020-02-30' is no date"]),
    "unknown split": (lines_with(b"3,three,Fees,,,dev"), ["line 4", "'dev'", "train, validation, test"]),
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
    "same id twice": (GOOD + GOOD, ["line 2", "'1'", "line 1 too"]),
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
BAD_PARQUET: dict[str, tuple[dict, list[str]]] = {
    "numbers as text": ({"text": [1, 2]}, ["'text' holds int64"]),
    "bytes as label": ({"label": [b"a", b"b"]}, ["'label' holds binary"]),
    "fractions as ids": ({"id": [1.0, 2.0]}, ["'id' holds double"]),
    "missing id": ({"id": [1, None]}, ["row 2", "id is blank"]),
    "same id twice": ({"id": ["1", "1"]}, ["row 2", "'1'", "row 1 too"]),
    "no date": ({"date": ["2020-01-01", "yesterday"]}, ["row 2", "'yesterday' is no date"]),
    "date out of range": ({"date": pa.array([0, 9_999_999], pa.int32()).cast(pa.date32())}, ["row 2", "outside"]),
    "unknown split": ({"split": ["train", "Train"]}, ["row 2", "'Train'"]),
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
def test_a_file_that_is_not_what_its_name_says_or_damaged_is_refused(tmp_path: Path, case: str) -> None:
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
    message = refusal(write(tmp_path / "c.csv", ROWS), file_params(encoding=encoding))
    assert "fetch.file.encoding" in message
    assert encoding in message


def test_a_field_or_line_beyond_the_limit_and_an_archive_that_explodes_are_refused(
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


def test_ids_that_only_share_a_hash_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("complaints.sources.readers.batches.hash", lambda _: 7, raising=False)
    assert [row["row_id"] for row in read(write(tmp_path / "c.csv", ROWS))] == ["7", "8", "9"]


def test_a_format_that_is_named_wins_over_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "complaints.txt"
    path.write_bytes(csv_bytes(ROWS))
    assert len(read(path, file_params("csv"))) == len(ROWS)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
HOSTILE = st.text("\",\n\r 'a;\\\ufeff\u2028", max_size=12)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(TEXT | HOSTILE, TEXT | HOSTILE), min_size=1, max_size=8))
def test_any_texts_and_labels_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    rows = [[str(number), text, label, "", "", ""] for number, (text, label) in enumerate(pairs)]
    wanted = [(str(n), text, label if label.strip() else None) for n, (text, label) in enumerate(pairs)]
    for name in ["c.csv", "c.jsonl", "c.parquet"]:
        got = read(write(folder / name, rows))
        assert [(row["row_id"], row["text"], row["label"]) for row in got] == wanted


PIECES = st.sampled_from([LINES[0] + b"\n", LINES[1] + b"\n", GOOD, GZIP, b'"', b",", b"\n", b"\r", b"\xef\xbb\xbf"])


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(KINDS), st.lists(PIECES | st.binary(max_size=20), max_size=8))
def test_any_bytes_give_rows_or_one_clear_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, pieces: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(b"".join(pieces))
    rows, message = [], ""
    try:
        rows = read(path)
    except UserError as error:
        message = str(error)
    assert rows or str(path) in message
    assert "\n" not in message


READ_ALL = """
import re, sys
from pathlib import Path
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import read_batches
params = FileParams("auto", "utf-8", ColumnParams("text", "label", "id", None, None, None))
for path in map(Path, sys.argv[1:]):
    print(sum(batch.num_rows for batch in read_batches(path, params)))
    print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_stays_small_whatever_the_size_of_the_file(tmp_path: Path) -> None:
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
