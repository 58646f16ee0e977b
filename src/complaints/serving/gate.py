"""Gate in front of the application: token, host, size and time of every request, and the headers of every answer."""

import asyncio
import hmac
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from fastapi import HTTPException
from starlette.responses import JSONResponse

from complaints.serving.metrics import Metrics
from complaints.serving.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

OPEN_PATHS = {"/", "/page.css", "/page.js", "/health", "/ready", "/docs", "/openapi.json"}
"""Paths that need no token: the page without any data, the probes of an orchestrator, and the API's description."""
OPEN_FOLDER = "/docs/"
"""The files of the description."""
FILE_PATH = "/label"
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DOCS_POLICY = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI sets styles of its elements by attributes."""
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class Drain(Protocol):
    """The server's state of draining."""

    draining: bool


class Gate:
    """ASGI middleware."""

    def __init__(self, app: Application, settings: Settings, metrics: Metrics, state: Drain) -> None:
        """Wrap an application."""
        self.app, self.settings, self.metrics, self.state = app, settings, metrics, state

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, started = time.perf_counter(), False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self.metrics.answered(scope["path"], message["status"], time.perf_counter() - start)
                message = {**message, "headers": [*message["headers"], *self._headers(scope["path"])]}
            await send(message)

        headers = dict(scope["headers"])
        if refusal := self._refusal(scope["method"], scope["path"], headers):
            await refusal(scope, receive, answer)
        else:
            limited = _limited(receive, self._limit(scope["path"]), self.settings.limits.seconds)
            if scope["method"] == "HEAD":
                # uvicorn sends no body: it reads the method in its own scope.
                scope = {**scope, "method": "GET"}
            try:
                await self.app(scope, limited, answer)
            except asyncio.CancelledError:
                if started or not self.state.draining:
                    raise
                # Of a request that outlasts the drain, such as a large file.
                await problem(503, "the server ended before the answer was there; send the request again")(
                    scope, receive, answer
                )

    def _limit(self, path: str) -> int:
        return self.settings.limits.file_bytes if path == FILE_PATH else self.settings.limits.body_bytes

    def _headers(self, path: str) -> list[tuple[bytes, bytes]]:
        policy = DOCS_POLICY if path.startswith("/docs") else CONTENT_POLICY
        closing = [(b"connection", b"close")] if self.state.draining else []
        return [*HEADERS, (b"content-security-policy", policy.encode()), *closing]

    def _refusal(self, method: str, path: str, headers: dict[bytes, bytes]) -> JSONResponse | None:
        """Return the answer to a request that is refused by its head; None for others."""
        if self.settings.is_local and not _is_local(headers.get(b"host", b"")):
            return problem(421, "this server answers requests to localhost; start it with --host to serve others")
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
        if not is_open and not self._has_token(headers.get(b"authorization", b"")):
            refusal = problem(401, "send the server's token as `Authorization: Bearer TOKEN`")
            refusal.headers["www-authenticate"] = "Bearer"
            return refusal
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:18]) > self._limit(path):
            return problem(413, too_large(self._limit(path)))
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if method == "POST" and path in ("/predict", "/explain") and kind != b"application/json":
            return problem(415, "send JSON, with the header `Content-Type: application/json`")
        return None

    def _has_token(self, header: bytes) -> bool:
        if self.settings.token is None:
            return True
        scheme, _, given = header.partition(b" ")
        same = hmac.compare_digest(given.strip(), self.settings.token.encode())
        return same and scheme.lower() == b"bearer"


def _is_local(host: bytes) -> bool:
    """Return whether a Host header names this machine: another name would be that of a page that rebinds its DNS."""
    text = host.decode("latin-1").lower()
    name = re.sub(r":\d*$", "", text)
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def too_large(limit: int) -> str:
    """Return the message for a body that is too large."""
    return f"the body is larger than {limit:,} bytes; send less in one request"


def problem(status: int, line: str) -> JSONResponse:
    """Return a refusal of one line."""
    return JSONResponse({"error": line}, status)


def _limited(receive: Receive, limit: int, seconds: float) -> Receive:
    """Return `receive` with limits on the size of the body and on the time until it is there."""
    read = 0
    deadline = time.monotonic() + seconds
    complete = False

    async def limited() -> Message:
        nonlocal read, complete
        if complete:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(deadline - time.monotonic(), 0.001))
        except TimeoutError:
            raise HTTPException(408, f"the body did not arrive within {seconds:g} seconds") from None
        read += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if read > limit:
            raise HTTPException(413, too_large(limit))
        return message

    return limited
