"""Record of logged stages: it counts for one experiment in one unchanged sqlite file."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from complaints.tracking.record import Record

LOGGED = {("hash", "md5.dir"), ("other", "md5")}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    (tmp_path / "store.db").write_text("store")
    return Record(tmp_path / "scratch/tracked.json", tmp_path / "store.db", "experiment", "runs")


def database_of(record: Record) -> Path:
    assert record.database is not None
    return record.database


def test_what_was_written_is_read_while_the_store_is_unchanged(record: Record) -> None:
    assert record.read() == set()
    record.write(LOGGED)
    assert record.read() == LOGGED
    record.write(set())
    assert record.read() == set()


def test_any_change_of_the_store_ends_the_record(record: Record) -> None:
    database = database_of(record)
    record.write(LOGGED)
    database.write_text("other")
    assert record.read() == set()
    record.write(LOGGED)
    shutil.copy2(database, database.with_name("copy"))
    database.with_name("copy").replace(database)
    assert record.read() == set()
    record.write(LOGGED)
    database.with_name("store.db-wal").write_text("a write that is not in the file yet")
    assert record.read() == set()
    record.write(LOGGED)
    database.unlink()
    assert record.read() == set()


def test_experiments_and_stores_have_records_of_their_own(record: Record) -> None:
    database = database_of(record)
    other_experiment = Record(record.file, database, "other", "runs")
    other_store = Record(record.file, database.with_name("other.db"), "experiment", "runs")
    database.with_name("other.db").write_text("store")
    record.write(LOGGED)
    assert other_experiment.read() == other_store.read() == set()
    other_experiment.write({("a", "b")})
    other_store.write({("c", "d")})
    assert (record.read(), other_experiment.read(), other_store.read()) == (LOGGED, {("a", "b")}, {("c", "d")})


def test_a_server_has_no_record(tmp_path: Path) -> None:
    record = Record(tmp_path / "tracked.json", None, "experiment", "runs")
    record.write(LOGGED)
    assert record.read() == set()
    assert not record.file.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"null", b"[]", b"7", b'"text"', b'{"a": 1}'])
def test_a_broken_file_is_empty_and_can_be_replaced(record: Record, content: bytes) -> None:
    record.file.parent.mkdir()
    record.file.write_bytes(content)
    assert record.read() == set()
    record.write(LOGGED)
    assert record.read() == LOGGED


@pytest.mark.parametrize("entry", [None, 7, [], {}, {"logged": [1]}, {"logged": [["a"]]}, {"logged": 7}])
def test_a_broken_entry_is_empty_and_can_be_replaced(record: Record, entry: Any) -> None:
    for content in ({str(record.database): {record.experiment: entry}}, {str(record.database): entry}):
        record.file.parent.mkdir(exist_ok=True)
        record.file.write_text(json.dumps(content))
        assert record.read() == set()
        record.write(LOGGED)
        assert record.read() == LOGGED


def test_a_file_that_cannot_be_written_is_no_error(record: Record) -> None:
    record.file.parent.write_text("a file in place of the folder")
    record.write(LOGGED)
    assert record.read() == set()
