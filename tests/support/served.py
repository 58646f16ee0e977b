"""A real server of `complaints serve` on loopback, and clients for it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.paths import ROOT

START_SECONDS = 90.0


@dataclass
class Answer:
    """Status, headers in lower case, and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_one_line(self) -> bool:
        """Whether this is a refusal of one line."""
        line = self.json["error"]
        return 400 <= self.status < 500 and set(self.json) == {"error"} and "\n" not in line and 0 < len(line) < 400


@dataclass
class RunningServer:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    said: list[str] = field(default_factory=list)
    """Lines of stderr."""
    token: str | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if self.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, sent, **{"Content_Type": "application/json", **headers})

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def metric(self, line: str) -> float:
        """Return the value of a metric, by its name with labels; 0 where it has none yet."""
        text = self.get("/metrics").body.decode()
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.M)
        return float(found[1]) if found else 0.0

    def stop(self, seconds: float = 60.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def wait_for_line(self, text: str, seconds: float = 60.0) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.said:
                if text in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no line has {text!r}: {self.said}")


@contextmanager
def running(
    cwd: Path, *options: str, token: str | None = None, after_start: Callable[[int], None] | None = None
) -> Iterator[RunningServer]:
    """Start a server on a free port and wait until it listens; it is ended at the end.

    `after_start` gets the process's id before that.
    """
    environment = {name: value for name, value in os.environ.items() if name != "COMPLAINTS_TOKEN"}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    environment |= {} if token is None else {"COMPLAINTS_TOKEN": token}
    process = subprocess.Popen(
        [sys.executable, "-m", "complaints", "serve", "--port", "0", *options],
        cwd=cwd,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    server = RunningServer(process, 0, token=token)

    thread = threading.Thread(target=_collect, args=(process, server.said), daemon=True)
    thread.start()
    try:
        if after_start is not None:
            after_start(process.pid)
        line = server.wait_for_line("on http://127.0.0.1:", START_SECONDS)
        server.port = int(line.partition("127.0.0.1:")[2].partition(";")[0])
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        thread.join(10)


def _collect(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
