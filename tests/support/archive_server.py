"""A loopback server of files, with ranges, ETags, redirects, and faults on demand."""

import hashlib
import random
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import pytest

from support.loopback import Handler, Server

Ranges = Literal["honest", "none", "careless", "short"]
Endless = Literal["zeros", "trickle", "header lines", "header trickle", "interim responses"]
Fault = tuple[Literal["status", "drop", "announce"] | Endless, int]

PATH = "/ccdb/complaints.bin"
BODY = random.Random(5).randbytes(300_000)
"""A file of a server, and its path there."""


@dataclass
class File:
    """The file at a path, and the headers of its response."""

    body: bytes
    etag: str | None = "by content"
    last_modified: str | None = None
    encoding: str | None = None
    ranges: Ranges = "honest"
    """`none` always sends the complete file; `careless` sends a range and ignores If-Range; `short` sends less than the
    requested range."""

    def validators(self) -> dict[str, str]:
        etag = f'"{hashlib.sha256(self.body).hexdigest()[:12]}"' if self.etag == "by content" else self.etag
        found = {"ETag": etag, "Last-Modified": self.last_modified, "Content-Encoding": self.encoding}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Request:
    """A request, and the number of body bytes in its response."""

    path: str
    range: str | None
    if_range: str | None
    sent: int


@dataclass
class Site:
    """Files of a server, its requests so far, and its faults to come, by path and in order."""

    origin: str
    files: dict[str, File] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    """Path -> Location."""
    requests: list[Request] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the server shuts down."""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """`status` n answers n; `drop` n closes the connection after n bytes; `announce` n adds n to the Content-Length.

    The other faults never end: a body of zeros without a Content-Length, with the status n; a body, or a header, of one
    byte in n ms; lines of a header; responses of status 103.
    """


def _handler(site: Site) -> type[Handler]:
    class SiteHandler(Handler):
        protocol_version = "HTTP/1.1"

        def _record(self, sent: int) -> None:
            asked = self.headers
            site.requests.append(Request(self.path.partition("?")[0], asked["Range"], asked["If-Range"], sent))

        def _send_without_end(self, kind: str, amount: int, path: str) -> None:
            self.close_connection = True
            status = amount if kind == "zeros" else 200
            location = f"Location: {site.redirects[path]}\r\n" if path in site.redirects else ""
            starts = {
                "zeros": f"HTTP/1.1 {status} Fault\r\n{location}\r\n",
                "trickle": f'HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\nETag: "1"\r\n\r\n',
                "header lines": "HTTP/1.1 200 OK\r\n",
                "header trickle": "HTTP/1.1 200 OK\r\nX: ",
                "interim responses": "",
            }
            more = {"zeros": bytes(2**16), "header lines": b"X: 1\r\n", "interim responses": b"HTTP/1.1 103 X\r\n\r\n"}
            self.wfile.write(starts[kind].encode())
            while not site.closed.wait(amount / 1000 if "trickle" in kind else 0):
                self.wfile.write(more.get(kind, b"x"))

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            faults = site.faults.get(path, [])
            kind, amount = faults.pop(0) if faults else ("", 0)
            if kind in get_args(Endless):
                self._record(0)
                return self._send_without_end(kind, amount, path)
            if path in site.redirects:
                self._record(0)
                self.start(302, 0, {"Location": site.redirects[path]})
                return
            if kind == "status" or path not in site.files:
                self._record(0)
                self.start(amount or 404, 0, {})
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
                self._record(0)
                self.start(416, 0, {"Content-Range": f"bytes */{len(file.body)}"})
                return
            body = file.body[start:end]
            sent = body[:amount] if kind == "drop" else body
            self._record(len(sent))
            self.start(status, len(body) + (amount if kind == "announce" else 0), headers)
            if self.command == "GET":
                self.wfile.write(sent)
            if kind:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)

        do_HEAD = do_GET

    return SiteHandler


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


def self_signed(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> tuple[Path, Path]:
    """Write a certificate for names, signed by itself, and its key, and return their paths."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-addext", f"subjectAltName={names}"]
    command = ["openssl", "req", "-x509", *options, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@contextmanager
def serve(certificate: Path | None = None, key: Path | None = None) -> Iterator[Site]:
    """Serve an empty site, to which files can be added; with a certificate, over TLS."""
    server = Server()
    site = Site(f"http://127.0.0.1:{server.server_port}")
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        site.origin = f"https://localhost:{server.server_port}"
    with server.running(_handler(site), site.closed):
        yield site
