"""A description is checked by name, and index files divide exactly the rows that they were made for, or nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st
from support.hub_place import Place, numbers, small_hub
from support.hub_server import serve, sha256
from support.paths import ROOT

from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.sources.hub.description import IndexFile, Indices, describe
from complaints.sources.hub.indices import LEFT_OUT, read_indices


@pytest.fixture
def place(tmp_path, monkeypatch):
    with serve(small_hub()) as hub:
        place = Place(tmp_path, monkeypatch, hub)
        place.divide(range(0, 80), range(80, 100))
        yield place


def test_committed_description_is_that_of_the_published_data_set():
    description = describe(ROOT / "data/sources/canonical.yaml")
    assert str(description) == "determined-ai/consumer_complaints_medium@4783de6e089f"
    assert description.indices is not None
    assert description.indices.train.sha256.startswith("a303f6c0a98d")
    assert description.indices.validation.sha256.startswith("5106946e24a1")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("revision", "main", "revision is 'main'; it must be a commit of 40 hexadecimal digits, not a branch or tag"),
        ("revision", "v1.0", "not a branch or tag"),
        ("revision", "0123456789ab", "not a branch or tag"),
        ("revision", 12, "revision is 12; it must be of type str"),
        ("revison", "main", "unknown key revison; did you mean 'revision'?"),
        ("columns.label", None, "columns.label is None; it must be of type str"),
        ("columns.txet", "a", "unknown key columns.txet"),
        ("files", {}, "files must hold at least one named entry"),
        ("files.dev", "*.parquet", "files.dev is no split; there are train, validation, test"),
        ("files.validation", "*.parquet", "files must name train and not validation"),
        ("sha256", {"a": "ABC"}, "sha256.a is 'ABC'; it must be 64 hexadecimal digits in lower case"),
        ("indices.train.sha256", "abc", "indices.train.sha256 is 'abc'; it must be 64"),
        ("indices.train.location", 3, "indices.train.location is 3; it must be of type str"),
    ],
)
def test_impossible_description_is_refused_by_name(place, key, value, message):
    *sections, last = key.split(".")
    node = place.description
    for section in sections:
        node = node[section]
    node[last] = value
    refusal = place.refusal()
    assert refusal.startswith("data/sources/x.yaml: ")
    assert message in refusal
    assert not place.hub.requests


def test_missing_key_and_missing_description_are_one_line(place):
    del place.description["columns"]["date"]
    assert "x.yaml: columns.date is missing" in place.refusal()
    for path, message in [("nowhere.yaml", "does not exist"), ("data", "is a folder"), ("empty.yaml", "is empty")]:
        Path("empty.yaml").touch()
        with pytest.raises(UserError, match=message):
            describe(Path(path))


def test_index_file_that_was_changed_is_refused_and_not_kept(place):
    place.hub.pages["train.json"] = numbers(range(0, 79))
    message = place.refusal()
    assert f"train.json has sha256 {sha256(numbers(range(0, 79)))}, not {sha256(numbers(range(0, 80)))[:12]}" in message
    place.hub.pages["train.json"] = numbers(range(0, 80))
    assert place.fetch()["rows_kept"] == 130


def test_kept_copy_that_was_damaged_is_fetched_again(place):
    place.fetch()
    (kept,) = Path("scratch/downloads").rglob("train.json")
    kept.write_bytes(b"[1]")
    place.fetch()
    assert kept.read_bytes() == place.hub.pages["train.json"]
    assert len(place.hub.asked_for("/pages/train.json")) == 2
    assert len(place.hub.asked_for("/pages/validation.json")) == 1


def test_local_copy_serves_too(place):
    Path("mine.json").write_bytes(place.hub.pages["train.json"])
    place.description["indices"]["train"]["location"] = "mine.json"
    assert [entry["name"] for entry in place.fetch()["files"]][-2:] == ["mine.json", "validation.json"]
    assert not place.hub.asked_for("train.json")
    Path("mine.json").write_bytes(b"[1]")
    assert "index file mine.json has sha256" in place.refusal()
    Path("mine.json").unlink()
    assert "index file mine.json does not exist" in place.refusal()


def test_index_file_survives_a_bad_connection_and_a_hopeless_one_is_one_line(place):
    place.hub.unavailable["/pages/"] = 2
    assert place.fetch()["rows_kept"] == 130
    (kept,) = Path("scratch/downloads").rglob("train.json")
    kept.unlink()
    place.hub.unavailable["/pages/"] = 10_000
    assert "503" in place.refusal()
    place.hub.unavailable.clear()
    del place.hub.pages["train.json"]
    assert "404" in place.refusal()
    place.description["indices"]["train"]["location"] = "http://127.0.0.1:9/train.json"
    assert "http://127.0.0.1:9/train.json" in place.refusal()


def test_offline_only_kept_index_files_are_used(place, monkeypatch):
    place.fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert place.fetch()["rows_kept"] == 130
    (kept,) = Path("scratch/downloads").rglob("train.json")
    kept.unlink()
    assert "is not in scratch/downloads/ and HF_HUB_OFFLINE is set" in place.refusal()


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (b"<html>", "train.json is not JSON"),
        (b"\xff\xfe[", "train.json is not JSON"),
        (b'{"rows": [1]}', "must be a JSON list of row numbers"),
        (b"[]", "must be a JSON list of row numbers, with at least one"),
        (b"[0, 1.0]", "must be a JSON list of row numbers"),
        (b"[0, true]", "must be a JSON list of row numbers"),
        (b"[0, 2, 1]", "entry 3 is 1 and follows 2; row numbers must ascend, each once"),
        (b"[0, 1, 1]", "entry 3 is 1 and follows 1"),
        (b"[-1, 1]", "there is no row -1; the hub's train split has 100 rows, from 0"),
        (b"[1, 100]", "there is no row 100; the hub's train split has 100 rows, from 0"),
        (b"[1, 99999999999999999999]", "there is no row 99999999999999999999"),
        (b"[79, 80, 81]", "row 80 is in http://127.0.0.1"),
    ],
)
def test_index_file_that_cannot_be_meant_is_refused(place, train, message):
    place.divide(train, range(80, 100))
    assert message in place.refusal()


@given(st.lists(st.sampled_from([*SPLITS[:2], None]), min_size=2, max_size=60))
def test_every_row_is_where_the_files_put_it(tmp_path_factory, wanted):
    wanted = ["train", "validation", *wanted]
    folder = tmp_path_factory.getbasetemp()
    files = []
    for name in SPLITS[:2]:
        content = json.dumps([row for row, split in enumerate(wanted) if split == name]).encode()
        (folder / name).write_bytes(content)
        files.append(IndexFile(str(folder / name), sha256(content)))
    codes, listing = read_indices(Indices(*files), len(wanted))
    assert codes.dtype == np.int8
    assert [None if code == LEFT_OUT else SPLITS[code] for code in codes] == wanted
    assert [entry["rows"] for entry in listing] == [wanted.count("train"), wanted.count("validation")]
