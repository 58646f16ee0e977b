"""HTTP client of the downloads: its settings, the failures that are worth a retry, and a message for each failure."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from complaints.core.errors import UserError
from complaints.sources.readers.lines import shown

TIMEOUT = httpx2.Timeout(60, connect=10)
"""Seconds to connect, and between two reads of the response."""
HEADERS = {"User-Agent": "complaints-pipeline", "Accept-Encoding": "identity"}
"""Compression in transit would hide the length, and a range of a compressed response is not a range of the file."""


@contextmanager
def open_client() -> Iterator[httpx2.Client]:
    """Yield a client that follows redirects, verifies TLS and takes proxies and certificates from the environment.

    Raises:
        UserError: if a proxy or certificate variable of the environment cannot be used.
    """
    try:
        client = httpx2.Client(headers=HEADERS, timeout=TIMEOUT, follow_redirects=True)
    except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
        raise UserError(
            f"the HTTP client cannot be set up ({shown(str(error))}); correct the variables HTTP_PROXY, HTTPS_PROXY, "
            "ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
        ) from None
    with client:
        yield client


def is_retryable_status(status: int) -> bool:
    """Tell whether a later request may get another answer than this status: a server error, a timeout, a rate limit."""
    return status >= 500 or status in (408, 429)


def is_retryable(error: Exception) -> bool:
    """Tell whether a request that failed without an answer may succeed later."""
    final = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
    return isinstance(error, httpx2.TransportError) and not isinstance(error, final)


def describe(error: Exception) -> str:
    """Return, on one line, why a request failed without an answer."""
    reason = str(error).partition("\n")[0] or type(error).__name__
    if not is_retryable(error):
        return reason
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx2.ReadError | httpx2.RemoteProtocolError):
        return f"the connection broke off ({reason})"
    return f"no connection to the server (is there a network?): {reason}"
