"""A loopback hub: the HTTP API of snapshots of models and data sets, with faults on demand."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

LARGE = (".parquet", ".safetensors", ".bin")
"""Suffixes of files that the hub stores outside git, by their sha256, and serves from another host."""


@dataclass
class Hub:
    """One repository at one commit, further files under /pages/, the requests so far, and the faults to come."""

    repo: str
    commit: str
    files: dict[str, bytes]
    kind: str = "datasets"
    pages: dict[str, bytes] = field(default_factory=dict)
    endpoint: str = ""
    storage: str = ""
    requests: list[str] = field(default_factory=list)
    """Method, path and, if there was one, the range of each request."""

    unavailable: dict[str, int] = field(default_factory=dict)
    """Part of a path -> number of further requests with status 503."""
    drops: int = 0
    """Number of further bodies from storage or /pages/ that break off in the middle."""
    login_page: bytes = b""
    """Body of every response, unless empty."""
    endless: Literal["", "listing", "pages", "file"] = ""
    """What never ends: the body of the listing, its pages, or the body of a large file."""
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    """Name of a large file -> the content that storage sends instead."""

    @property
    def root(self) -> str:
        return f"/{self.repo}" if self.kind == "models" else f"/{self.kind}/{self.repo}"

    def listing(self) -> list[dict[str, Any]]:
        return [_entry(name, self.files[name]) for name in sorted(self.files)]

    def requests_for(self, text: str) -> list[str]:
        return [request for request in self.requests if text in request]


def hub_of(folder: Path, repo: str, commit: str) -> Hub:
    """Return a hub with the files of a model's folder."""
    return Hub(repo, commit, {file.name: file.read_bytes() for file in folder.iterdir()}, kind="models")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": _git_oid(content)}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 133}
    return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send_without_end(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            while True:
                self.wfile.write(b" " * 2**16)

    def _send_page(self) -> None:
        """Send a page of the listing, with a link to the next one if pages never end."""
        more = {"Link": f'<{self.hub.endpoint}{self.path}>; rel="next"'} if self.hub.endless == "pages" else {}
        self._send(200, json.dumps(self.hub.listing()).encode(), Content_Type="application/json", **more)

    def _error(self, status: int, code: str) -> None:
        self._send(status, code.encode(), X_Error_Code=code, X_Error_Message=code)

    def _send_file(self, body: bytes) -> None:
        """Send a file or the requested range of it; close the connection half-way if that is the fault."""
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        headers = {"ETag": f'"{sha256(body)}"', "Accept_Ranges": "bytes"}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = body[start:]
        if self.hub.drops and self.command == "GET":
            self.hub.drops -= 1
            self.send_response(206 if start else 200)
            for name, value in {"Content-Length": str(len(part)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.close_connection = True
            return
        self._send(206 if start else 200, part, **headers)

    def _send_resolved(self, name: str) -> None:
        content = self.hub.files.get(name)
        if content is None:
            self._send(404, X_Error_Code="EntryNotFound", X_Repo_Commit=self.hub.commit)
        elif name.endswith(LARGE):
            self._send(
                302,
                Location=f"{self.hub.storage}/storage/{quote(name)}",
                X_Repo_Commit=self.hub.commit,
                X_Linked_Etag=f'"{sha256(content)}"',
                X_Linked_Size=str(len(content)),
            )
        else:
            self._send(200, content, ETag=f'"{_git_oid(content)}"', X_Repo_Commit=self.hub.commit)

    def do_GET(self) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.requests.append(" ".join(filter(None, [self.command, path, self.headers.get("Range")])))
        for part, left in hub.unavailable.items():
            if part in path and left:
                hub.unavailable[part] -= 1
                return self._error(503, "ServiceUnavailable")
        if hub.login_page:
            return self._send(200, hub.login_page, Content_Type="text/html")
        api, resolve = f"/api/{hub.kind}/{hub.repo}", f"{hub.root}/resolve"
        if path.startswith("/pages/") and path.removeprefix("/pages/") in hub.pages:
            self._send_file(hub.pages[path.removeprefix("/pages/")])
        elif (hub.endless == "listing" and "/tree/" in path) or (hub.endless == "file" and "/storage/" in path):
            self._send_without_end()
        elif path.startswith("/storage/"):
            name = path.removeprefix("/storage/")
            self._send_file(hub.sent_instead.get(name, hub.files[name]))
        elif not path.startswith((f"{api}/", f"{resolve}/")):
            self._error(404, "RepoNotFound")
        elif hub.commit not in path:
            self._error(404, "RevisionNotFound")
        elif path == f"{api}/revision/{hub.commit}":
            siblings = [{"rfilename": name} for name in sorted(hub.files)]
            self._send(200, json.dumps({"id": hub.repo, "sha": hub.commit, "siblings": siblings}).encode())
        elif path.startswith(f"{api}/tree/{hub.commit}"):
            self._send_page()
        else:
            self._send_resolved(path.removeprefix(f"{resolve}/{hub.commit}/"))

    do_HEAD = do_GET


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve `hub`, with its large files on a second host, and set `endpoint` and `storage`."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
    hub.endpoint, hub.storage = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
