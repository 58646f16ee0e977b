"""Files in the CFPB's layout, and a server on loopback with its page, ranges, ETags, and faults on demand."""

import csv
import hashlib
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

PAGE = "/foia/archive/"
STRUCTURED = "/ccdb/complaints.csv.zip"

ARCHIVE_PAGE = """<!doctype html>
<html><head><title>CFPB Consumer Complaint Database narratives archive</title>
<link rel="stylesheet" href="/static/CCDB_Export_0_style.zip.css"></head><body>
<a href="/">Home</a> <a name="top">Top</a> <a href="mailto:foia@example.org">Write</a>
<!-- <a href="/foia/archive/CCDB_Export_4_old.zip">gone</a> -->
<p>Narratives published through 2026-08-14&nbsp;&ndash; <a href="readme.pdf">about these files</a></p><ul>
<li><a class="a-link" href="{origin}/foia/archive/CCDB_Export_10_2026.zip?v=1&amp;x=2">Part&nbsp;10</a></li>
<li><a href="CCDB_Export_2_2016&#45;2017.zip">Part 2</a> <a href="CCDB_Export_2_2016-2017.zip#again">Part 2</a></li>
<li><A HREF='/foia/archive/CCDB_Export_1_2015.zip'>Part 1</A></li></ul>
<a href="/foia/archive/CCDB_Export_dictionary.zip">Dictionary</a>
</body></html>
"""
PARTS = {
    "/foia/archive/CCDB_Export_1_2015.zip": 1,
    "/foia/archive/CCDB_Export_2_2016-2017.zip": 2,
    "/foia/archive/CCDB_Export_10_2026.zip": 10,
}


HEADER = [
    "Date received", "Product", "Sub-product", "Issue", "Sub-issue", "Company public response", "Company", "State",
    "ZIP code", "Tags", "Consumer consent provided?", "Submitted via", "Date sent to company",
    "Company response to consumer", "Timely response?", "Consumer disputed?", "Complaint ID",
]  # fmt: skip
OLD_HEADER = [*HEADER[:5], "Consumer complaint narrative", *HEADER[5:]]
PART_HEADER = ["Complaint ID", "Consumer complaint narrative"]
Row = tuple[str, str, str, str]
"""Complaint ID, date, product, issue."""


def csv_text(header: list[str], rows: Iterable[dict[str, str]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, header, restval="N/A")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def structured_csv(rows: Iterable[Row], header: list[str] = HEADER, **more: list[str]) -> str:
    named = [dict(zip(["Complaint ID", "Date received", "Product", "Issue"], row, strict=True)) for row in rows]
    for name, values in more.items():
        for row, value in zip(named, values, strict=True):
            row[name.replace("_", " ")] = value
    return csv_text(header, named)


def part_csv(rows: Iterable[tuple[str, str]]) -> str:
    return csv_text(PART_HEADER, (dict(zip(PART_HEADER, row, strict=True)) for row in rows))


def zipped(text: str, name: str = "export.csv", zip64: bool = False) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=zip64) as member,
    ):
        member.write(text.encode())
    return stream.getvalue()


@dataclass
class File:
    """What lies at a path, and what the server says about it."""

    body: bytes
    etag: str | None = "by content"
    last_modified: str | None = None
    encoding: str | None = None
    ranges: Literal["honest", "none", "careless", "short"] = "honest"
    """`none` sends the whole file whatever was asked for; `careless` sends a range without looking at If-Range;
    `short` sends less of it than was asked for."""

    def validators(self) -> dict[str, str]:
        etag = f'"{hashlib.sha256(self.body).hexdigest()[:12]}"' if self.etag == "by content" else self.etag
        found = {"ETag": etag, "Last-Modified": self.last_modified, "Content-Encoding": self.encoding}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Request:
    """What was asked, and how many bytes of the body were sent."""

    path: str
    range: str | None
    if_range: str | None
    sent: int


@dataclass
class Site:
    """The files of a server, the requests so far, and the faults still to come, by path, in their order."""

    origin: str
    files: dict[str, File] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    faults: dict[str, list[tuple[Literal["status", "drop", "announce"], int]]] = field(default_factory=dict)
    """`status` n answers n; `drop` n breaks off after n bytes; `announce` n adds n to the Content-Length."""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _start(self, status: int, length: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def _note(self, sent: int) -> None:
            asked = self.headers
            site.requests.append(Request(self.path.partition("?")[0], asked["Range"], asked["If-Range"], sent))

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            faults = site.faults.get(path, [])
            kind, amount = faults.pop(0) if faults else ("", 0)
            if kind == "status" or path not in site.files:
                self._note(0)
                self._start(amount or 404, 0, {})
                return
            file = site.files[path]
            headers = file.validators()
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
            same = self.headers["If-Range"] in (*headers.values(), None) or file.ranges == "careless"
            start, end, status = 0, len(file.body), 200
            if asked and same and file.ranges != "none":
                start, status = int(asked[1]), 206
                end = start + 100_000 if file.ranges == "short" else len(file.body)
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(file.body)}"
            if start > len(file.body):
                self._note(0)
                self._start(416, 0, {"Content-Range": f"bytes */{len(file.body)}"})
                return
            body = file.body[start:end]
            sent = body[:amount] if kind == "drop" else body
            self._note(len(sent))
            self._start(status, len(body) + (amount if kind == "announce" else 0), headers)
            if self.command == "GET":
                self.wfile.write(sent)
            if kind:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)

        do_HEAD = do_GET

    return Handler


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news here."""


@contextmanager
def serve() -> Iterator[Site]:
    """Serve an empty site; put files into it."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = _handler(site)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
