"""A description of a data set on the hub is checked by key."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hub_server import serve
from support.hub_workspace import HubWorkspace, small_hub
from support.paths import ROOT

from complaints.core.errors import UserError
from complaints.sources.description import read_description
from complaints.sources.hub.description import HubDescription


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubWorkspace]:
    with serve(small_hub()) as hub:
        work = HubWorkspace(tmp_path, monkeypatch, hub)
        work.divide(range(0, 80), range(80, 100))
        yield work


def test_committed_description_names_the_published_data_set() -> None:
    description = read_description(HubDescription, ROOT / "data/sources/canonical.yaml")
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
        ("revision", 12, "revision is 12; it must be a valid string"),
        ("revison", "main", "unknown key revison; did you mean 'revision'?"),
        ("columns.label", None, "columns.label is None; it must be a valid string"),
        ("columns.txet", "a", "unknown key columns.txet"),
        ("files", {}, "files is {}; it must name the files of at least one split"),
        ("files.dev", "*.parquet", "unknown key files.dev; known keys: train, validation, test"),
        (
            "files.validation",
            "*.parquet",
            "files names train, validation, test, but indices divide",
        ),
        ("sha256", {"a": "ABC"}, "sha256.a is 'ABC'; it must be 64 hexadecimal digits in lower case"),
        ("indices.train.sha256", "abc", "indices.train.sha256 is 'abc'; it must be 64"),
        ("indices.train.location", 3, "indices.train.location is 3; it must be a valid string"),
    ],
)
def test_impossible_description_is_refused_by_name(work: HubWorkspace, key: str, value: object, message: str) -> None:
    *sections, last = key.split(".")
    node = work.description
    for section in sections:
        node = node[section]
    node[last] = value
    refusal = work.refusal()
    assert re.match(r"data/sources/x\.yaml, line \d+: ", refusal)
    assert message in refusal
    assert not work.hub.requests


def test_missing_key_and_missing_description_are_one_line(work: HubWorkspace) -> None:
    del work.description["columns"]["date"]
    assert "columns lacks date" in work.refusal()
    for path, message in [("nowhere.yaml", "does not exist"), ("data", "is a folder"), ("empty.yaml", "is empty")]:
        Path("empty.yaml").touch()
        with pytest.raises(UserError, match=message):
            read_description(HubDescription, Path(path))
