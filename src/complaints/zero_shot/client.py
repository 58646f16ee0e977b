"""Client of a chat endpoint: its key, the rate limit, and retries of failures that may pass."""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from complaints.core.errors import UserError
from complaints.sources.http_client import Budget, describe, is_retryable, is_retryable_status, new_client
from complaints.zero_shot.chat import Malformed, Reply, read_reply
from complaints.zero_shot.params import EndpointParams

KEY_VARIABLE = "ZERO_SHOT_API_KEY"
"""Environment variable with the key; without it no key is sent."""
ATTEMPTS = 6
BACKOFF_SECONDS = 1.0
"""Wait before the second attempt; every further wait is twice as long, or as long as the server asks."""
LONGEST_WAIT = 300.0
"""Longest wait in seconds that a server may ask for."""
RESPONSE_BYTES = 2**20
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ChatClient:
    """Asks one endpoint, one question after the other."""

    def __init__(self, p: EndpointParams) -> None:
        """Read the key from the environment.

        Raises:
            UserError: if the key would be sent without encryption, or the HTTP client cannot be set up.
        """
        assert p.url is not None
        self._address = f"{p.url.rstrip('/')}/chat/completions"
        self._key = os.environ.get(KEY_VARIABLE, "").strip()
        if self._key and urlsplit(p.url).scheme == "http" and urlsplit(p.url).hostname not in LOOPBACK:
            raise UserError(
                f"zero_shot.endpoint.url is {p.url}, which would show the key in {KEY_VARIABLE} to the network; name "
                "an https address, or unset the variable"
            )
        headers = {"User-Agent": "complaints-pipeline", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._seconds = 60 / p.requests_per_minute
        self._next = time.monotonic()
        try:
            self._client = new_client(headers, check=lambda _: Budget(RESPONSE_BYTES, "a response").spend)
        except UnicodeEncodeError:
            raise UserError(f"the key in {KEY_VARIABLE} has characters that no header can have; correct it") from None

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def ask(self, body: dict[str, Any], on_lost: Callable[[], None]) -> Reply:
        """Return the answer to a request; it is repeated after a failure that may pass, later every time.

        Args:
            body: The body of the request.
            on_lost: Is called after an attempt that the endpoint may bill although there is no answer.

        Raises:
            UserError: if the endpoint refuses the request, or ATTEMPTS of them fail.
        """
        content = json.dumps(body).encode()
        for attempt in range(ATTEMPTS):
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._seconds
            wait = BACKOFF_SECONDS * 2**attempt
            try:
                # Complaints go to the address of the parameter alone: a redirect is refused.
                response = self._client.post(self._address, content=content, follow_redirects=False)
                if response.status_code == 200:
                    return read_reply(response.content)
                problem = f"the server answered {response.status_code} {response.reason_phrase}"
                if not is_retryable_status(response.status_code):
                    raise UserError(f"{self._address}: {problem}{self._remedy(response)}")
                wait = max(wait, retry_after(response.headers.get("Retry-After", "")))
            except Malformed as error:
                problem = str(error)
                on_lost()
            except (httpx2.RequestError, httpx2.InvalidURL) as error:
                if not is_retryable(error):
                    raise UserError(f"{self._address}: {describe(error)}") from None
                problem = describe(error)
                if not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    on_lost()
            if wait > LONGEST_WAIT:
                raise UserError(
                    f"{self._address}: {problem}, and asks to wait {wait:g} s; the answers so far are kept: run this "
                    "again then"
                )
            if attempt + 1 < ATTEMPTS:
                print(f"note: {self._address}: {problem}; trying again in {wait:g} s", file=sys.stderr)
                time.sleep(wait)
        raise UserError(
            f"{self._address}: {problem}; given up after {ATTEMPTS} attempts, the answers so far are kept: run this "
            "again to go on"
        )

    def _remedy(self, response: httpx2.Response) -> str:
        """Return the end of the message on a refusal; a server that refuses a key may quote it, so it is not quoted."""
        if response.status_code in (401, 403):
            return f"; set the environment variable {KEY_VARIABLE} to the key of the endpoint"
        if response.has_redirect_location or response.is_redirect:
            return "; name the address that it redirects to in zero_shot.endpoint.url"
        found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.){1,200})', response.text)
        said = f" ({found[1]})" if found else ""
        said = said.replace(self._key, "...") if self._key else said
        return f"{said}; correct zero_shot.endpoint: url, model, request, or answer_format: text"


def retry_after(value: str) -> float:
    """Return the seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3); 0 for any other value."""
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
