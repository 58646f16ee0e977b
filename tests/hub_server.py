"""A server on loopback that speaks the part of the hub's HTTP API with which a snapshot is downloaded."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


def _handler(repo: str, commit: str, folder: Path, requests: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            requests.append(f"{self.command} {path}")
            files = sorted(file.name for file in folder.iterdir())
            if path == f"/api/models/{repo}/revision/{commit}":
                info = {"id": repo, "modelId": repo, "sha": commit, "siblings": [{"rfilename": name} for name in files]}
                self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
            elif path.startswith(f"/api/models/{repo}/tree/{commit}"):
                tree = [{"type": "file", "path": n, "size": (folder / n).stat().st_size, "oid": n} for n in files]
                self._send(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
            elif path.startswith(f"/{repo}/resolve/{commit}/") and path.rpartition("/")[2] in files:
                body = (folder / path.rpartition("/")[2]).read_bytes()
                etag = f'"{hashlib.sha256(body).hexdigest()}"'
                headers = {"ETag": etag, "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
                self._send(200, body, headers | {"Content-Type": "application/octet-stream"})
            else:
                self._send(404, b"Not Found", {"X-Error-Code": "RepoNotFound"})

        do_HEAD = do_GET

    return Handler


@contextmanager
def serve(repo: str, commit: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the files of `folder` as `repo` at `commit`; yield the endpoint and the requests as they come in."""
    requests: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(repo, commit, folder, requests))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
