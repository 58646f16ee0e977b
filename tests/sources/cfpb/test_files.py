"""The CFPB's files are found by their description, downloaded once, and checked before they are read."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.archive_server import File, Site, serve
from support.cfpb_files import (
    ARCHIVE_FILES,
    ARCHIVE_PAGE,
    COMPLAINTS,
    PAGE,
    STRUCTURED,
    fetch,
    narratives_csv,
    read,
    refusal,
    structured_csv,
    write_description,
    write_files,
    zipped,
)

from complaints.core.paths import DOWNLOADS, RAW
from complaints.sources import download as download_module
from complaints.sources.cfpb import files
from complaints.sources.cfpb.files import archive_links

NARRATIVES = [("30", "text")]


@pytest.fixture(autouse=True)
def _fast_retries_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download_module, "BACKOFF_SECONDS", 0.0)


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as site:
        site.files[PAGE] = File(ARCHIVE_PAGE.replace("{origin}", site.origin).encode())
        site.files[STRUCTURED] = File(zipped(structured_csv(COMPLAINTS), zip64=True))
        for path, number in ARCHIVE_FILES.items():
            text = narratives_csv([(str({1: 10, 2: 20, 10: 30}[number]), f"part {number}")])
            site.files[path] = File(zipped(text, "../../" + path, zip64=True))
        yield site


def description(site: Site, pinned: Any = None) -> Path:
    return write_description(Path(), site.origin + STRUCTURED, site.origin + PAGE, pinned)


def test_archive_links_are_distinct_and_sorted_by_number(site: Site) -> None:
    base = "https://www.example.gov/foia/archive/"
    assert archive_links(ARCHIVE_PAGE.replace("{origin}", "https://files.example.gov"), base) == [
        base + "CCDB_Export_1_2015.zip",
        base + "CCDB_Export_2_2016-2017.zip",
        "https://files.example.gov/foia/archive/CCDB_Export_10_2026.zip?v=1&x=2",
    ]


def test_a_fetch_writes_the_rows_and_a_manifest_with_addresses_and_digests(site: Site) -> None:
    manifest = fetch(description(site), Path("raw"))
    table = pq.read_table("raw/complaints.parquet")
    assert table["text"].to_pylist() == ["part 1", "part 2", "part 10"]
    assert table["row_id"].to_pylist() == ["10", "20", "30"]
    assert json.loads(Path("raw/source.json").read_text()) == manifest
    assert (manifest["rows_read"], manifest["rows_kept"], manifest["source"]) == (3, 3, "cfpb")
    assert manifest["structured"]["rows"] == 4
    paths = [file["address"].removeprefix(site.origin).partition("?")[0] for file in manifest["files"]]
    assert paths == [STRUCTURED, *ARCHIVE_FILES]
    assert [file["bytes"] for file in manifest["files"]] == [len(site.files[path].body) for path in paths]


def test_a_second_fetch_needs_no_network_and_writes_the_same(site: Site) -> None:
    first = fetch(description(site), Path("raw"))
    asked = len(site.requests)
    assert fetch(description(site), Path("raw")) == first
    assert len(site.requests) == asked == 5


def test_a_page_without_links_is_refused_and_requested_again(site: Site) -> None:
    page = site.files[PAGE]
    site.files[PAGE] = File(b"<html><body>Under maintenance <a href='http://[x'>?</a></body></html>")
    assert "has no file named CCDB_Export_<number>_*.zip" in refusal(description(site))
    site.files[PAGE] = page
    assert len(read(description(site))[0]) == 3


def test_a_broken_file_is_named_with_its_address(site: Site) -> None:
    path = next(iter(ARCHIVE_FILES))
    site.files[path].body = site.files[path].body[:-30]
    message = refusal(description(site))
    assert "CCDB_Export_1_2015.zip cannot be read" in message
    assert f"it is from {site.origin}{path}; delete it to download it again" in message


@pytest.mark.parametrize("body", [b"PK\x03\x04 broken", b"PK\x05\x06", b"PK\x03\x04"], ids=["text", "end", "start"])
def test_a_zip_that_cannot_be_opened_is_refused_without_a_line(site: Site, body: bytes) -> None:
    site.files[STRUCTURED] = File(body)
    message = refusal(description(site))
    assert "complaints.csv.zip cannot be read (" in message
    assert "is it complete?" in message
    assert " line " not in message


NOT_ADDRESSES = ["http://[::1/x", "http://[x]/a.zip", "http://exa\u2100mple.org/a.csv", "http://127.0.0.1:x/a.csv"]


@pytest.mark.parametrize("address", NOT_ADDRESSES)
@pytest.mark.parametrize("key", ["complaints", "narratives"])
@pytest.mark.parametrize("pinned", [None, {"a.csv": {"bytes": 1, "sha256": "0" * 64}}], ids=["", "pinned"])
def test_an_address_that_cannot_be_one_is_refused_in_one_line(site: Site, address: str, key: str, pinned: Any) -> None:
    locations = {"complaints": site.origin + STRUCTURED, "narratives": site.origin + PAGE, key: address}
    path = write_description(Path(), locations["complaints"], locations["narratives"], pinned)
    assert refusal(path).startswith(f"{address} is not a valid address (")


def test_a_pinned_file_must_be_what_the_pin_says(site: Site) -> None:
    manifest = fetch(description(site), Path("raw"))
    pins = {file["name"]: {"bytes": file["bytes"], "sha256": file["sha256"]} for file in manifest["files"]}
    assert fetch(description(site, pins), Path("raw")) == manifest
    pins["complaints.csv.zip"]["sha256"] = "0" * 64
    assert "complaints.csv.zip is not the pinned file" in refusal(description(site, pins))


def test_a_pin_of_an_unknown_file_is_refused(site: Site) -> None:
    pins = {"complaint.csv.zip": {"bytes": 1, "sha256": "0" * 64}}
    assert "'complaint.csv.zip' is pinned, but there is no such file" in refusal(description(site, pins))


def test_a_file_that_changed_since_the_last_manifest_is_warned_of_once(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(description(site), RAW)
    fetch(description(site), RAW)
    assert "warning" not in capsys.readouterr().err
    DOWNLOADS.rename("old")
    site.files[STRUCTURED].body = zipped(structured_csv(reversed(COMPLAINTS)))
    fetch(description(site), RAW)
    line = f"warning: {site.origin}{STRUCTURED} is not what the last {RAW}/source.json names"
    assert capsys.readouterr().err.count(line) == 1


def test_without_a_server_the_error_is_one_line() -> None:
    with serve() as site:
        pass
    assert "no connection to the server" in refusal(description(site))


def test_columns_that_are_missing_are_named_with_those_there(tmp_path: Path) -> None:
    description = write_files(tmp_path, COMPLAINTS, NARRATIVES)
    (tmp_path / "CCDB_Export_1_x.zip").write_bytes(zipped("Complaint ID,Narrative\n1,x\n"))
    message = refusal(description)
    assert "CCDB_Export_1_x.zip has no column 'Consumer complaint narrative'" in message
    assert "it has: 'Complaint ID', 'Narrative'" in message


def test_a_folder_without_files_of_the_archive_is_refused(tmp_path: Path) -> None:
    assert "has no file named CCDB_Export_<number>_*.zip" in refusal(write_files(tmp_path, COMPLAINTS))


def test_a_zip_of_two_files_is_refused(tmp_path: Path) -> None:
    description = write_files(tmp_path, COMPLAINTS, NARRATIVES)
    with zipfile.ZipFile(tmp_path / "CCDB_Export_1_x.zip", "a") as archive:
        archive.writestr("more.csv", narratives_csv(NARRATIVES))
    assert "holds 2 files" in refusal(description)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "gone.csv does not exist; correct it in the description" in refusal(
        write_description(tmp_path, str(tmp_path / "gone.csv"), None)
    )


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    description = write_files(tmp_path, COMPLAINTS, NARRATIVES)
    csv_chunks = files.csv_chunks

    def read_and_change(path: Path, *rest: Any) -> Any:
        yield from csv_chunks(path, *rest)
        path.write_bytes(path.read_bytes() + b"\n")

    monkeypatch.setattr(files, "csv_chunks", read_and_change)
    assert "complaints.csv.zip changed while it was being read" in refusal(description)
