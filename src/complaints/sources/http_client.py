"""HTTP client of the downloads: its settings and limits, the failures that are worth a retry, and their messages."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2

from complaints.core.errors import UserError
from complaints.sources.readers.lines import shown

TIMEOUT = httpx2.Timeout(60, connect=10)
"""Seconds to connect, and between two reads of the response."""
HEADERS = {"User-Agent": "complaints-pipeline", "Accept-Encoding": "identity"}
"""Compression in transit would hide the length, and a range of a compressed response is not a range of the file."""
LOWEST_SPEED = 1_000
"""Bytes a second; the CFPB's archive would take a month at this speed."""
SPEED_SECONDS = 30.0
"""A response is too slow if it is slower than LOWEST_SPEED in this many seconds of waiting."""
HEADER_SECONDS = 60.0
"""Longest time for the header of a response; TIMEOUT starts again with every byte of it."""
REDIRECT_BYTES = 2**20
"""Largest body of a redirect, which the client reads before it follows."""


class TooSlow(httpx2.ReadTimeout):
    """A response that arrives, but too slowly."""


class _HeaderDeadline:
    """Shuts the connection of a request whose header is not complete in time.

    An instance is the `trace` extension of one request: httpcore2 calls it with the name of each step and its result.
    """

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.timer: threading.Timer | None = None
        self.passed = False

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        step = event.partition(".")[2]
        if step in ("connect_tcp.complete", "start_tls.complete"):
            self.socket = info["return_value"].get_extra_info("socket")
        elif step == "receive_response_headers.started":
            self.timer = threading.Timer(HEADER_SECONDS, self.shut)
            self.timer.daemon = True
            self.timer.start()
        elif step.startswith("receive_response_headers.") and self.timer:
            self.timer.cancel()
            if self.passed:
                raise TooSlow(f"no complete header of the response in {HEADER_SECONDS:g} s")

    def shut(self) -> None:
        self.passed = True
        if isinstance(self.socket, socket.socket):
            # The method of an SSLSocket would take away the TLS object that the other thread reads from.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class _WatchedBody(httpx2.SyncByteStream):
    """Body of a response that ends with an exception if it is too slow or if `check` refuses its length so far."""

    def __init__(self, body: httpx2.SyncByteStream, check: Callable[[int], None]) -> None:
        self.body, self.check = body, check

    def __iter__(self) -> Iterator[bytes]:
        waited, received = 0.0, 0
        chunks = iter(self.body)
        while True:
            start = time.monotonic()
            chunk = next(chunks, None)
            # The time that the reader of the body takes in between does not count.
            waited += time.monotonic() - start
            if chunk is None:
                return
            received += len(chunk)
            self.check(len(chunk))
            if waited >= SPEED_SECONDS:
                if received < LOWEST_SPEED * waited:
                    raise TooSlow(f"the server sends less than {LOWEST_SPEED:,} bytes a second")
                waited, received = 0.0, 0
            yield chunk

    def close(self) -> None:
        self.body.close()


def _watch_header(request: httpx2.Request) -> None:
    request.extensions = {**request.extensions, "trace": _HeaderDeadline()}


def _watch_body(response: httpx2.Response, check: Callable[[int], None]) -> None:
    assert isinstance(response.stream, httpx2.SyncByteStream)
    response.stream = _WatchedBody(response.stream, check)


class Budget:
    """A number of bytes that several responses may have together."""

    def __init__(self, size: int, owner: str) -> None:
        """Allow `size` bytes to `owner`, which is named in the message."""
        self.size, self.owner, self.left = size, owner, size

    def spend(self, count: int) -> None:
        """Take bytes from the budget.

        Raises:
            UserError: if it is exceeded.
        """
        self.left -= count
        if self.left < 0:
            raise UserError(f"{self.owner} is longer than {self.size:,} bytes; is the address right?")


def new_client(
    headers: dict[str, str] | None = None,
    hooks: Sequence[Callable[[httpx2.Request], Any]] = (),
    check: Callable[[httpx2.Response], Callable[[int], None]] | None = None,
) -> httpx2.Client:
    """Return a client that follows redirects, verifies TLS and takes proxies and certificates from the environment.

    It has the limits of this module: a deadline for headers, a lowest speed, and a largest body of a redirect.

    Args:
        headers: headers of every request.
        hooks: functions that are called with every request.
        check: returns, for a response, what is called with the length of each chunk of its body and may raise.

    Raises:
        UserError: if a proxy or certificate variable of the environment cannot be used.
    """

    def watch(response: httpx2.Response) -> None:
        if response.has_redirect_location:
            _watch_body(response, Budget(REDIRECT_BYTES, f"the redirect of {response.url}").spend)
        else:
            _watch_body(response, check(response) if check else lambda _: None)

    try:
        return httpx2.Client(
            headers=headers,
            timeout=TIMEOUT,
            follow_redirects=True,
            # `_HeaderDeadline` learns the socket of a request when it connects.
            limits=httpx2.Limits(max_keepalive_connections=0),
            event_hooks={"request": [*hooks, _watch_header], "response": [watch]},
        )
    except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
        raise UserError(
            f"the HTTP client cannot be set up ({shown(str(error))}); correct the variables HTTP_PROXY, HTTPS_PROXY, "
            "ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
        ) from None


def is_retryable_status(status: int) -> bool:
    """Tell whether a later request may get another answer than this status: a server error, a timeout, a rate limit."""
    return status >= 500 or status in (408, 429)


def _tls_error(error: Exception) -> ssl.SSLError | None:
    """Return the error of TLS for which no connection was made, None if there is another reason."""
    cause: BaseException | None = error if isinstance(error, httpx2.ConnectError) else None
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    # A connection that breaks off during the handshake is not refused by TLS.
    return None if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError) else cause


def is_retryable(error: Exception) -> bool:
    """Tell whether a request that failed without an answer may succeed later."""
    final = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
    # The client has one exception for a connection that ends early and for a response that is not HTTP.
    is_not_http = isinstance(error, httpx2.RemoteProtocolError) and not re.search("closed|disconnected", str(error))
    ends = isinstance(error, final) or is_not_http or _tls_error(error) is not None
    return isinstance(error, httpx2.TransportError) and not ends


def describe(error: Exception) -> str:
    """Return, on one line, why a request failed without an answer."""
    reason = str(error).partition("\n")[0] or type(error).__name__
    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return (
            f"the server's certificate is not valid ({tls.verify_message}); correct the address or the clock, or let "
            "SSL_CERT_FILE name the certificates to trust"
        )
    if tls is not None:
        return f"the server does not speak TLS as expected ({reason}); correct the address"
    if isinstance(error, TooSlow):
        return reason
    if isinstance(error, httpx2.RemoteProtocolError) and not is_retryable(error):
        return f"the server does not speak HTTP as expected ({reason}); correct the address"
    if not is_retryable(error):
        return f"{reason.rstrip('.')}; correct the address"
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx2.ReadError | httpx2.RemoteProtocolError):
        return f"the connection broke off ({reason})"
    return f"no connection to the server (is there a network?): {reason}"
