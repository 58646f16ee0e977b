"""Downloads are complete or absent, are resumed after an interruption, and are not repeated."""

import gzip
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archive_server import BODY, PATH, Fault, File, Ranges, Site, serve
from support.downloads import refusal

from complaints.core.errors import UserError
from complaints.sources.addresses import file_name, kept_path
from complaints.sources.download import ATTEMPTS, download

pytestmark = pytest.mark.usefixtures("no_backoff")


def drops(*amounts: int) -> list[Fault]:
    """Return faults that each close the connection after a number of bytes."""
    return [("drop", amount) for amount in amounts]


def test_a_file_is_complete_under_its_name(site: Site, tmp_path: Path) -> None:
    path = download(site.origin + PATH, tmp_path)
    assert path.name == "complaints.bin"
    assert path.read_bytes() == BODY
    assert [file.name for file in path.parent.iterdir()] == ["complaints.bin"]


def test_a_kept_file_is_not_requested_again(tmp_path: Path) -> None:
    with serve() as site:
        site.files[PATH] = File(BODY)
        first = download(site.origin + PATH, tmp_path)
    assert download(site.origin + PATH, tmp_path) == first
    assert len(site.requests) == 1


def test_equal_names_at_two_addresses_do_not_clash(site: Site, tmp_path: Path) -> None:
    site.files["/other/complaints.bin"] = File(b"other")
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert download(site.origin + "/other/complaints.bin", tmp_path).read_bytes() == b"other"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://x.org/a/b.csv.zip?v=1#top", "b.csv.zip"),
        ("https://x.org/a/..%2F..%2Fb.zip", "_.._b.zip"),
        ("https://x.org/a/..", "index"),
        ("https://x.org/a/", "index"),
        ("https://x.org", "index"),
        ("https://x.org/two%20words%00.csv", "two_words_.csv"),
    ],
)
def test_a_name_stays_in_its_folder(address: str, name: str) -> None:
    assert file_name(address) == name


def test_after_a_dropped_connection_only_the_missing_bytes_are_sent(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.faults[PATH] = [("drop", 100_000)]
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    first, second = site.requests
    assert first.range is None
    assert second.range == "bytes=100000-"
    assert second.if_range == site.files[PATH].validators()["ETag"]
    assert second.sent == len(BODY) - 100_000
    assert capsys.readouterr().err.count("broke off") == 1


def test_a_later_run_resumes_where_an_earlier_one_gave_up(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = drops(70_000, *[0] * (ATTEMPTS - 1))
    assert "given up after 5 attempts, run this again to resume" in refusal(site.origin + PATH, tmp_path)
    assert len(site.requests) == ATTEMPTS
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert site.requests[-1].range == "bytes=70000-"


def test_a_download_with_progress_is_not_given_up(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = [("drop", 70_000), ("drop", 0), ("drop", 0)] * 4
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert len(site.requests) == 13


def test_a_range_shorter_than_requested_is_completed(site: Site, tmp_path: Path) -> None:
    site.files[PATH].ranges = "short"
    site.faults[PATH] = [("drop", 70_000)]
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert [request.sent for request in site.requests[1:3]] == [100_000, 100_000]


def test_without_ranges_a_repeated_failure_is_given_up(site: Site, tmp_path: Path) -> None:
    site.files[PATH].ranges = "none"
    site.faults[PATH] = [("drop", 10_000)] * 100
    assert "broke off" in refusal(site.origin + PATH, tmp_path)
    assert len(site.requests) == ATTEMPTS


@pytest.mark.parametrize("ranges", ["honest", "none", "careless"])
def test_a_file_that_changed_meanwhile_is_downloaded_from_its_start(site: Site, tmp_path: Path, ranges: Ranges) -> None:
    """A `careless` server sends a range of the new file although If-Range names the old one."""
    site.files[PATH].ranges = ranges
    site.faults[PATH] = drops(100_000, *[0] * (ATTEMPTS - 1))
    refusal(site.origin + PATH, tmp_path)
    site.files[PATH].body = BODY[::-1]
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY[::-1]
    assert len(site.requests) == ATTEMPTS + (2 if ranges == "careless" else 1)


@pytest.mark.parametrize(("modified", "size"), [("Sat, 15 Aug 2026", len(BODY)), ("Fri, 14 Aug 2026", len(BODY) + 1)])
def test_without_an_etag_a_changed_file_is_noticed_by_its_date_or_length(
    site: Site, tmp_path: Path, modified: str, size: int
) -> None:
    site.files[PATH] = File(BODY, etag=None, last_modified="Fri, 14 Aug 2026", ranges="careless")
    site.faults[PATH] = drops(100_000, *[0] * (ATTEMPTS - 1))
    refusal(site.origin + PATH, tmp_path)
    site.files[PATH].body = b"x" * size
    site.files[PATH].last_modified = modified
    assert download(site.origin + PATH, tmp_path).read_bytes() == b"x" * size


def test_a_partial_file_longer_than_the_current_file_is_deleted(site: Site, tmp_path: Path) -> None:
    site.files[PATH].ranges = "careless"
    site.faults[PATH] = drops(100_000, *[0] * (ATTEMPTS - 1))
    refusal(site.origin + PATH, tmp_path)
    site.files[PATH].body = b"short"
    assert download(site.origin + PATH, tmp_path).read_bytes() == b"short"


def test_a_weak_etag_is_not_used_for_a_range(site: Site, tmp_path: Path) -> None:
    site.files[PATH].etag = 'W/"1"'
    site.files[PATH].last_modified = "Fri, 14 Aug 2026 10:00:00 GMT"
    site.faults[PATH] = [("drop", 100_000)]
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert site.requests[1].if_range == "Fri, 14 Aug 2026 10:00:00 GMT"


def test_without_etag_and_date_a_download_is_not_resumed(site: Site, tmp_path: Path) -> None:
    site.files[PATH].etag = None
    site.faults[PATH] = [("drop", 100_000)]
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert site.requests[1].range is None


def test_a_damaged_record_of_a_partial_file_restarts_the_download(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = drops(70_000, *[0] * (ATTEMPTS - 1))
    refusal(site.origin + PATH, tmp_path)
    path = kept_path(site.origin + PATH, tmp_path)
    path.with_name(path.name + ".json").write_text('{"address": ')
    path.with_name(path.name + ".part").write_bytes(b"x" * 70_000)
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY


def test_a_busy_server_is_requested_again(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = [("status", 503), ("status", 500), ("status", 429)]
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert len(site.requests) == 4


def test_a_server_that_stays_busy_is_given_up_in_one_line(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = [("status", 503)] * 100
    assert "answered 503 Service Unavailable; given up after 5 attempts" in refusal(site.origin + PATH, tmp_path)
    assert len(site.requests) == ATTEMPTS


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_client_error_is_not_retried(site: Site, tmp_path: Path, status: int) -> None:
    site.faults[PATH] = [("status", status)] * 2
    assert f"answered {status} " in refusal(site.origin + PATH, tmp_path)
    assert len(site.requests) == 1


def test_a_body_shorter_than_declared_is_refused(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = [("announce", 10)] * 100
    assert "broke off" in refusal(site.origin + PATH, tmp_path)


@pytest.mark.parametrize("name", ["complaints.csv.zip", "complaints.csv", "complaints.CSV.GZ"])
def test_an_error_page_under_a_files_name_is_refused_and_not_kept(site: Site, tmp_path: Path, name: str) -> None:
    site.files[f"/{name}"] = File(b"\n<!DOCTYPE html><html>Down for maintenance</html>")
    assert "sent a web page" in refusal(f"{site.origin}/{name}", tmp_path)
    site.files[f"/{name}"] = File(BODY)
    assert download(f"{site.origin}/{name}", tmp_path).read_bytes() == BODY


def test_an_empty_body_is_refused(site: Site, tmp_path: Path) -> None:
    site.files[PATH].body = b""
    assert "sent nothing" in refusal(site.origin + PATH, tmp_path)


def test_a_body_compressed_in_transit_is_kept_decompressed(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = File(gzip.compress(b"a,b\n" * 1000), encoding="gzip")
    assert download(site.origin + PATH, tmp_path).read_bytes() == b"a,b\n" * 1000


def test_without_a_server_the_error_is_one_line(tmp_path: Path) -> None:
    with serve() as site:
        pass
    assert "no connection to the server (is there a network?)" in refusal(site.origin + PATH, tmp_path)


@pytest.mark.parametrize("address", ["http://", "http://[::1", "https://exa mple.org/x"])
def test_an_invalid_address_is_refused_in_one_line(tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError) as caught:
        download(address, tmp_path)
    assert str(caught.value).startswith(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [404, 503])
def test_no_message_has_the_password_of_an_address(
    site: Site, tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    site.faults[PATH] = [("status", status)] * 100
    address = site.origin.replace("://", "://ann:s3cret@") + PATH
    said = refusal(address, tmp_path) + capsys.readouterr().err
    assert site.origin + PATH in said
    assert "s3cret" not in said
    assert "ann" not in said


def test_a_full_disk_is_noticed_before_the_download(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert "needs 300,000 bytes" in refusal(site.origin + PATH, tmp_path)


@settings(max_examples=25)
@given(
    amounts=st.lists(st.integers(0, len(BODY)), max_size=12),
    ranges=st.sampled_from(["honest", "none"]),
    changed=st.booleans(),
)
def test_wherever_the_connection_drops_the_bytes_are_those_of_one_version(
    amounts: list[int], ranges: Ranges, changed: bool
) -> None:
    versions = [BODY, BODY[::-1][:250_000]]
    with tempfile.TemporaryDirectory() as folder, serve() as site:
        site.files[PATH] = File(versions[0], ranges=ranges)
        site.faults[PATH] = drops(*amounts)
        for _ in range(len(amounts) + 1):
            try:
                path = download(site.origin + PATH, Path(folder))
                break
            except UserError:
                site.files[PATH].body = versions[int(changed)]
        assert path.read_bytes() in versions
