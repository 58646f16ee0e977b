"""Index files are checked, and divide exactly the rows for which they were made."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st
from support.hub_server import serve, sha256
from support.hub_workspace import HubWorkspace, numbers, small_hub

from complaints.core.schema import SPLITS
from complaints.sources.hub.description import IndexFile, Indices
from complaints.sources.hub.indices import LEFT_OUT, read_indices


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubWorkspace]:
    with serve(small_hub()) as hub:
        work = HubWorkspace(tmp_path, monkeypatch, hub)
        work.divide(range(0, 80), range(80, 100))
        yield work


def test_index_file_that_was_changed_is_refused_and_not_kept(work: HubWorkspace) -> None:
    work.hub.pages["train.json"] = numbers(range(0, 79))
    message = work.refusal()
    assert f"train.json has sha256 {sha256(numbers(range(0, 79)))}, not {sha256(numbers(range(0, 80)))[:12]}" in message
    work.hub.pages["train.json"] = numbers(range(0, 80))
    assert work.fetch()["rows_kept"] == 130


@pytest.mark.parametrize(
    "address", ["http://[::1/train.json", "http://[x]/train.json", "http://127.0.0.1:x/train.json"]
)
def test_an_index_file_at_an_address_that_cannot_be_one_is_refused(work: HubWorkspace, address: str) -> None:
    work.divide(range(90), range(90, 100))
    work.description["indices"]["train"]["location"] = address
    assert work.refusal().startswith(f"{address} is not a valid address (")


def test_damaged_kept_copy_is_downloaded_again(work: HubWorkspace) -> None:
    work.fetch()
    (kept,) = Path("scratch/downloads").rglob("train.json")
    kept.write_bytes(b"[1]")
    work.fetch()
    assert kept.read_bytes() == work.hub.pages["train.json"]
    assert len(work.hub.requests_for("/pages/train.json")) == 2
    assert len(work.hub.requests_for("/pages/validation.json")) == 1


def test_local_index_file_is_used_without_a_download(work: HubWorkspace) -> None:
    Path("mine.json").write_bytes(work.hub.pages["train.json"])
    work.description["indices"]["train"]["location"] = "mine.json"
    assert [entry["name"] for entry in work.fetch()["files"]][-2:] == ["mine.json", "validation.json"]
    assert not work.hub.requests_for("train.json")
    Path("mine.json").write_bytes(b"[1]")
    assert "index file mine.json has sha256" in work.refusal()
    Path("mine.json").unlink()
    assert "index file mine.json does not exist" in work.refusal()


def test_download_of_an_index_file_is_retried_and_a_failure_is_one_line(work: HubWorkspace) -> None:
    work.hub.unavailable["/pages/"] = 2
    assert work.fetch()["rows_kept"] == 130
    (kept,) = Path("scratch/downloads").rglob("train.json")
    kept.unlink()
    work.hub.unavailable["/pages/"] = 10_000
    assert "503" in work.refusal()
    work.hub.unavailable.clear()
    del work.hub.pages["train.json"]
    assert "404" in work.refusal()
    work.description["indices"]["train"]["location"] = "http://127.0.0.1:9/train.json"
    assert "http://127.0.0.1:9/train.json" in work.refusal()


def test_offline_mode_uses_kept_index_files_only(work: HubWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    work.fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert work.fetch()["rows_kept"] == 130
    (kept,) = Path("scratch/downloads").rglob("train.json")
    kept.unlink()
    assert "is not in scratch/downloads/ and HF_HUB_OFFLINE is set" in work.refusal()


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
def test_invalid_index_file_is_refused(work: HubWorkspace, train: bytes, message: str) -> None:
    work.divide(train, range(80, 100))
    assert message in work.refusal()


@given(st.lists(st.sampled_from([*SPLITS[:2], None]), min_size=2, max_size=60))
def test_every_row_has_the_split_of_its_index_file(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[str | None]
) -> None:
    wanted = ["train", "validation", *wanted]
    folder = tmp_path_factory.getbasetemp()
    files = []
    for name in SPLITS[:2]:
        content = json.dumps([row for row, split in enumerate(wanted) if split == name]).encode()
        (folder / name).write_bytes(content)
        files.append(IndexFile(location=str(folder / name), sha256=sha256(content)))
    codes, listing = read_indices(Indices(train=files[0], validation=files[1]), len(wanted), folder)
    assert codes.dtype == np.int8
    assert [None if code == LEFT_OUT else SPLITS[code] for code in codes] == wanted
    assert [entry["rows"] for entry in listing] == [wanted.count("train"), wanted.count("validation")]
