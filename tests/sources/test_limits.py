"""No server keeps a download forever: responses that never end, or nearly stand still, are refused in one line."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.archive_server import BODY, PATH, Endless, File, Site
from support.downloads import refusal

from complaints.core.errors import UserError
from complaints.sources import http_client
from complaints.sources.addresses import is_address, kept_path
from complaints.sources.download import ATTEMPTS, download
from complaints.sources.http_client import Budget

pytestmark = pytest.mark.usefixtures("no_backoff")

LIMIT = 1_000_000


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for tenths of a second where a download waits for a minute, and do not let a test take longer than 20 s."""
    monkeypatch.setattr(http_client, "SPEED_SECONDS", 0.2)
    monkeypatch.setattr(http_client, "HEADER_SECONDS", 0.2)
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 20


def test_a_body_without_a_length_and_an_end_is_refused_and_not_kept(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = [("zeros", 200)]
    with pytest.raises(UserError, match="is longer than 1,000,000 bytes, the most that is expected of it"):
        download(site.origin + PATH, tmp_path, LIMIT)
    assert [file.suffix for file in kept_path(site.origin + PATH, tmp_path).parent.iterdir()] == [".json"]
    assert len(site.requests) == 1


def test_a_declared_length_above_the_limit_is_refused_before_the_download(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"is longer than {len(BODY) - 1:,} bytes"):
        download(site.origin + PATH, tmp_path, len(BODY) - 1)
    assert download(site.origin + PATH, tmp_path, len(BODY)).read_bytes() == BODY


def test_a_body_without_a_length_does_not_fill_the_disk(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("complaints.sources.download._free_bytes", lambda _: LIMIT)
    site.faults[PATH] = [("zeros", 200)]
    assert "which has 1,000,000 bytes free" in refusal(site.origin + PATH, tmp_path)


@pytest.mark.parametrize("kind", ["zeros", "header lines", "interim responses"])
def test_an_endless_redirect_and_an_endless_header_are_refused(site: Site, tmp_path: Path, kind: Endless) -> None:
    site.redirects["/moved"] = site.origin + PATH
    site.faults["/moved"] = [(kind, 302)] * ATTEMPTS
    message = refusal(site.origin + "/moved", tmp_path)
    expected = {
        "zeros": "the redirect of ",
        "header lines": "the server does not speak HTTP as expected",
        "interim responses": f"given up after {ATTEMPTS} attempts",
    }
    assert expected[kind] in message


@pytest.mark.parametrize("status", [404, 410])
def test_an_endless_error_page_is_not_read(site: Site, tmp_path: Path, status: int) -> None:
    site.faults[PATH] = [("zeros", status)]
    assert f"answered {status} Fault" in refusal(site.origin + PATH, tmp_path)


def test_redirects_to_ever_new_addresses_are_refused(site: Site, tmp_path: Path) -> None:
    site.redirects |= {f"/{number}": f"{site.origin}/{number + 1}" for number in range(100)}
    message = refusal(site.origin + "/0", tmp_path)
    assert "/0 cannot be downloaded: Exceeded maximum allowed redirects; correct the address" in message
    assert len(site.requests) == 21


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("trickle", "the server sends less than 1,000 bytes a second"),
        ("header trickle", "no complete header of the response in 0.2 s"),
    ],
)
def test_a_server_that_nearly_stands_still_is_given_up(site: Site, tmp_path: Path, kind: Endless, words: str) -> None:
    site.faults[PATH] = [(kind, 20)] * ATTEMPTS
    message = refusal(site.origin + PATH, tmp_path)
    assert f"{words}; given up after {ATTEMPTS} attempts, run this again to resume" in message
    assert len(site.requests) == ATTEMPTS
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY


def test_after_a_slow_time_a_download_is_resumed(site: Site, tmp_path: Path) -> None:
    site.faults[PATH] = [("drop", 70_000), ("header trickle", 20)]
    assert download(site.origin + PATH, tmp_path).read_bytes() == BODY
    assert [request.range for request in site.requests] == [None, "bytes=70000-", "bytes=70000-"]


def test_the_time_to_write_a_body_does_not_count_as_slowness(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    with http_client.new_client() as client, client.stream("GET", site.origin + PATH) as response:
        received = 0
        for chunk in response.iter_bytes():
            received += len(chunk)
            time.sleep(0.1)
    assert received == len(BODY)


def test_a_budget_holds_for_all_responses_together() -> None:
    budget = Budget(10, "the listing")
    budget.spend(6)
    budget.spend(4)
    with pytest.raises(UserError, match="the listing is longer than 10 bytes"):
        budget.spend(1)


def test_a_long_name_is_shortened(site: Site, tmp_path: Path) -> None:
    name = "/" + "é" * 100 + ".csv.zip"
    address = site.origin + "/" + "%C3%A9" * 100 + ".csv.zip"
    site.files[address.removeprefix(site.origin)] = File(BODY)
    path = download(address, tmp_path)
    assert path.name.endswith("é.csv.zip")
    assert len(path.name.encode()) < 200 < len(name.encode())


@contextmanager
def answering(response: bytes) -> Iterator[tuple[str, list[int]]]:
    """Yield the address of a server that sends these bytes to every request, and a list with an item per request."""
    requests: list[int] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    requests.append(1)
                    connection.sendall(response)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.csv", requests
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "response",
    [
        b"\xff\xfe not HTTP at all\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_a_server_that_does_not_speak_http_is_asked_once(response: bytes, tmp_path: Path) -> None:
    with answering(response) as (address, requests):
        message = refusal(address, tmp_path)
    assert "the server does not speak HTTP as expected" in message
    assert message.endswith("; correct the address")
    assert len(requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:99999/a", "http:///a", "ftp://host/a", "httpx://host/a", "s3://b/a"),
        *("http://[::1/a", "http://[x]/a", "http://exa\u2100mple.org/a"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_without_a_request(address: str, tmp_path: Path) -> None:
    assert is_address(address)
    assert refusal(address, tmp_path).startswith(f"{address} is not a valid address (")
