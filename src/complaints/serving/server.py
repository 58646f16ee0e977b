"""HTTP server: uvicorn with slow heads timed out, half-closed connections answered, and a drain that loses nothing."""

import asyncio
import json
import signal
import socket
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from complaints.core.errors import UserError, say_error
from complaints.serving.app import create_app
from complaints.serving.gate import Gate
from complaints.serving.service import Service
from complaints.serving.settings import Settings

HEAD_SECONDS = 10.0
"""Time for the head of a request to arrive."""
UNREAD_BYTES = 2**26
"""Bytes of a refused body that are read and dropped, so that the client can read the refusal."""
DRAIN_SECONDS = 1.5
"""Time between SIGTERM and the end of listening: answers then ask clients to close their connections."""
BACKLOG = 2048


class Connection(H11Protocol):
    """A connection with four rules more than uvicorn's."""

    head_timer: asyncio.TimerHandle | None = None
    unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first head."""
        super().connection_made(transport)
        self._time_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and end the connection of a client that goes on sending a refused body."""
        super().data_received(data)
        if self._between_requests():
            self.unread += len(data)
            if self.unread > UNREAD_BYTES:
                self.transport.abort()
            elif self.head_timer is None:
                self._time_head()
        else:
            self.unread = 0
            self._stop_timer()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the other direction open for the answer to a request that is there."""
        return not self._between_requests()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _time_head(self) -> None:
        self.head_timer = self.loop.call_later(HEAD_SECONDS, self._end_slow_head)

    def _stop_timer(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _end_slow_head(self) -> None:
        self.head_timer = None
        if self._between_requests() and not self.transport.is_closing():
            self._refuse("408 Request Timeout", "the request did not arrive in time")

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that is not HTTP, or whose head is too large."""
        self._refuse("400 Bad Request", "the request is not valid HTTP/1.1, or its head is too large")

    def _refuse(self, status: str, line: str) -> None:
        text = json.dumps({"error": line}).encode()
        head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {len(text)}\r\n"
        self.transport.write(head.encode() + b"content-type: application/json\r\n\r\n" + text)
        self.transport.close()


class Server(uvicorn.Server):
    """A server that drains on SIGTERM and SIGINT, and loads the model again on SIGHUP."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        """Keep the service whose state signals change."""
        super().__init__(config)
        self.service = service
        self.tasks: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take SIGHUP, and start."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        served = self.service.served
        say_error(f"serving {served.name}, {served.digest[:12]}, on {address}; Ctrl-C ends it")

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self.service.reload_on_signal())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, end at once on the second SIGINT."""
        if self.service.draining:
            self.force_exit = self.should_exit = sig == signal.SIGINT or self.should_exit
            return
        self.service.draining = True
        self._loop().call_soon_threadsafe(self._loop().call_later, DRAIN_SECONDS, self._stop)

    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def _stop(self) -> None:
        self.should_exit = True


def listen(settings: Settings) -> socket.socket:
    """Return the bound socket.

    Raises:
        UserError: if the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY on accepted sockets only if the protocol is named; without it a client that delays its
    # acknowledgements waits 40 ms for the body of an answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        reason = error.strerror or error
        raise UserError(
            f"{settings.host}:{settings.port} cannot be had ({reason}); name another with --host or --port"
        ) from None
    return bound


def serve(service: Service, bound: socket.socket) -> None:
    """Answer requests until a signal ends the server."""
    settings = service.settings
    app = Gate(create_app(service), settings, service.metrics, service)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(settings.limits.seconds) + 1,
    )
    Server(config, service).run(sockets=[bound])
