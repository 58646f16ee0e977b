"""Servers on loopback in threads of the test, which the servers of files and of chats have in common."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """A handler of requests that writes no log."""

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def start(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        """Send the status and the headers of a response whose body has `length` bytes."""
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class Server(ThreadingHTTPServer):
    """A server at a free port, whose handler is named when it starts."""

    def __init__(self) -> None:
        """Bind a port."""
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """Ignore clients that close the connection."""

    @contextmanager
    def running(self, handler: type[Handler], closed: threading.Event) -> Iterator[None]:
        """Serve in a thread; `closed` is set before the end, for responses that wait."""
        self.RequestHandlerClass = handler
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield
        finally:
            closed.set()
            self.shutdown()
            self.server_close()
