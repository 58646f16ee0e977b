"""A withdrawn complaint is found in files of every format that the pipeline and its users write."""

import csv
import gzip
import html
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.withdrawal_project import TEXT, WITHDRAWN

from complaints.forgetting.matcher import Matcher
from complaints.forgetting.search import search_file
from complaints.withdrawals.ledger import NONE, Withdrawals, normal_form

OTHER = 'Another complaint, of "somebody" else & of no interest here; it has an id such as 7000002.'


def ledger() -> Withdrawals:
    return NONE.extended([WITHDRAWN], [str(normal_form(TEXT))])


def parquet(path: Path, row_id: str, text: str) -> None:
    pq.write_table(pa.table({"row_id": ["1", row_id], "text": ["x", text], "tokens": [[1], [2, 3]]}), path)


def numbers(path: Path, row_id: str, text: str) -> None:
    pq.write_table(
        pa.table({"Complaint ID": [1, int(row_id)], "narrative": pa.array(["x", text]).dictionary_encode()}), path
    )


def sqlite(path: Path, row_id: str, text: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('CREATE TABLE "a ""b" (key TEXT, number INTEGER)')
        connection.execute('INSERT INTO "a ""b" VALUES (?, 1), (?, 2)', (text, f"id={row_id}"))
        connection.commit()


def jsons(path: Path, row_id: str, text: str) -> None:
    path.write_text(json.dumps({"rows": [{"id": int(row_id), "text": text}, None, 1.5, True]}))


def json_lines(path: Path, row_id: str, text: str) -> None:
    path.write_text(json.dumps({"a": 1}) + "\n" + json.dumps({row_id: text}) + "\n")


def page(path: Path, row_id: str, text: str) -> None:
    path.write_text(f"<!doctype html><a href='#x-{row_id}'>{row_id}</a><p>…{html.escape(text)} (end)</p>")


def embedded(path: Path, row_id: str, text: str) -> None:
    path.write_text(json.dumps({"page": f"<p>{row_id}: {text}</p>"}, ensure_ascii=True))


def table(path: Path, row_id: str, text: str) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["row_id", "text"], ["1", "x"], [row_id, text]])


def tabs(path: Path, row_id: str, text: str) -> None:
    path.write_text(f"row_id\ttext\n{row_id}\t{text.replace(chr(34), '')}\n")


def markdown(path: Path, row_id: str, text: str) -> None:
    path.write_text(f"# Report\n\n- complaint {row_id}, see below\n\n> {text}\n")


def zipped(path: Path, row_id: str, text: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([["Complaint ID", "narrative"], [row_id, text]])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/complaints.csv", stream.getvalue())


def gzipped(path: Path, row_id: str, text: str) -> None:
    path.write_bytes(gzip.compress(json.dumps({"id": row_id, "text": text}).encode()))


def weights(path: Path, row_id: str, text: str) -> None:
    path.write_bytes(bytes(5000) + f"{row_id} {text}".encode() + bytes(9))


FORMATS = [parquet, numbers, sqlite, jsons, json_lines, page, embedded, table, tabs, markdown, zipped, gzipped, weights]


@pytest.mark.parametrize("write", FORMATS)
def test_a_complaint_is_found_and_another_is_not(write: Callable[[Path, str, str], None], tmp_path: Path) -> None:
    matcher = Matcher(ledger())
    matcher.learn({WITHDRAWN}, {TEXT})
    write(tmp_path / "other", "7000003", OTHER)
    assert search_file(tmp_path / "other", matcher) == set()
    write(tmp_path / "one", WITHDRAWN, TEXT)
    assert search_file(tmp_path / "one", matcher) == {"id", "text"}


@pytest.mark.parametrize("write", [parquet, numbers, sqlite, jsons, json_lines, table, zipped, gzipped])
def test_a_complaint_is_found_from_its_digests_alone(write: Callable[[Path, str, str], None], tmp_path: Path) -> None:
    write(tmp_path / "one", WITHDRAWN, TEXT)
    assert search_file(tmp_path / "one", Matcher(ledger())) == {"id", "text"}


@pytest.mark.parametrize("write", [parquet, sqlite, zipped, gzipped])
def test_a_damaged_file_is_named_as_unreadable(write: Callable[[Path, str, str], None], tmp_path: Path) -> None:
    path = tmp_path / "one"
    write(path, WITHDRAWN, TEXT)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (found,) = search_file(path, Matcher(ledger())) - {"id", "text"}
    assert found.startswith("unreadable: ")


def test_short_ids_are_found_in_columns_of_ids_alone(tmp_path: Path) -> None:
    matcher = Matcher(NONE.extended(["17"], []))
    for name, value in (("count", "17"), ("text", "all 17 of them")):
        table_of = pa.table({name: [value]})
        pq.write_table(table_of, tmp_path / "other")
        assert search_file(tmp_path / "other", matcher) == set()
    pq.write_table(pa.table({"row_id": ["17"]}), tmp_path / "one")
    assert search_file(tmp_path / "one", matcher) == {"id"}


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"{", b"[[[", b"<", b'"', b"PAR1", b"\xff\xfe\x00", b'a,"b\n', b"\n\n"]
)
def test_any_content_is_searched_without_a_traceback(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(content)
    assert not search_file(tmp_path / "any", Matcher(ledger())) & {"id", "text"}
