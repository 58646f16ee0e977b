"""Downloads over HTTP: streamed, resumed after an interruption, complete or absent, and kept."""

import json
import os
import re
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
from tqdm import tqdm

from complaints.core.errors import UserError, without_credentials
from complaints.core.files import write_json
from complaints.sources.addresses import kept_path
from complaints.sources.http_client import HEADERS, TooSlow, describe, is_retryable, is_retryable_status, new_client
from complaints.sources.readers.lines import content_of

ATTEMPTS = 5
"""Consecutive failures without progress after which a download is given up."""
BACKOFF_SECONDS = 1.0
"""Wait before the second attempt; every further wait is twice as long."""
MOST_BYTES = 16 * 2**30
"""Largest file that is downloaded if no other limit is known: ten times the CFPB's structured file."""
DATA_SUFFIXES = {".csv", ".gz", ".zip"}
"""A web page under a name with one of these suffixes is an error page, whatever the status of the response."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class _Transient(Exception):
    """A transient failure; retry."""


@dataclass
class _Record:
    """The record of a partial download: `<name>.json` next to `<name>.part`."""

    address: str
    etag: str | None = None
    last_modified: str | None = None
    bytes: int | None = None
    """Length of the complete file."""

    @property
    def validator(self) -> str | None:
        """Return the value for If-Range; a weak ETag does not promise equal bytes (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


def _read_record(record: Path, part: Path, address: str) -> _Record:
    """Return the record of the partial file; without a usable record, delete the partial file and start again."""
    try:
        known = _Record(**json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        known = _Record(address)
    if known.address != address or known.validator is None:
        known = _Record(address)
        part.unlink(missing_ok=True)
    return known


def _check_status(address: str, response: httpx2.Response) -> None:
    """Raise unless the response carries the file or a range of it: _Transient if a retry may help, else UserError."""
    status = f"{response.status_code} {response.reason_phrase}"
    if is_retryable_status(response.status_code):
        raise _Transient(f"the server answered {status}")
    if response.status_code not in (200, 206):
        raise UserError(f"{address}: the server answered {status}; correct the address, or see whether the file moved")


def _complete_length(response: httpx2.Response, start: int, known: _Record) -> int | None:
    """Return the length of the complete file, None where the server does not declare it.

    Raises:
        _Transient: if the response is a range that does not continue the partial file.
    """
    if response.status_code == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        validators = {"ETag": known.etag, "Last-Modified": known.last_modified}
        same = all(response.headers.get(name, value) == value for name, value in validators.items())
        if not found or int(found[1]) != start or not same or (known.bytes and int(found[3]) != known.bytes):
            raise _Transient("the server sent another range than the one requested")
        return int(found[3])
    declared = response.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() and "Content-Encoding" not in response.headers else None


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _check_space(address: str, needed: int, free: int, folder: Path) -> None:
    if needed > free:
        raise UserError(f"{address} needs {needed:,} bytes in {folder}, which has {free:,} bytes free")


def _check_length(address: str, part: Path, length: int, limit: int) -> None:
    """Delete the partial file and raise UserError if a file is longer than `limit`."""
    if length > limit:
        part.unlink(missing_ok=True)
        raise UserError(
            f"{address} is longer than {limit:,} bytes, the most that is expected of it; correct the address or the "
            "pin, or download the file yourself and name its path"
        )


def _receive(response: httpx2.Response, address: str, part: Path, start: int, length: int | None, limit: int) -> None:
    """Append the body to the partial file, and check that the file then has its declared length.

    Raises:
        _Transient: if bytes are missing, which leaves the partial file, or too many, which deletes it.
        UserError: if the body exceeds `limit` or the free space of the disk.
    """
    free, size = _free_bytes(part.parent), start
    _check_space(address, (length or start) - start, free, part.parent)
    with (
        open(part, "ab") as file,
        tqdm(desc=part.stem, total=length, initial=start, unit="B", unit_scale=True, disable=None) as bar,
    ):
        # Decodes a body that the server compressed although "identity" was requested; any other body passes unchanged.
        for chunk in response.iter_bytes():
            size += len(chunk)
            _check_length(address, part, size, limit)
            _check_space(address, size - start, free, part.parent)
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())
    if length is not None and size < length:
        raise _Transient(f"the connection broke off after {size:,} of {length:,} bytes")
    if length is not None and size > length:
        part.unlink(missing_ok=True)
        raise _Transient(f"the server sent more than the {length:,} bytes it declared")


def _attempt(client: httpx2.Client, address: str, part: Path, record: Path, limit: int) -> None:
    """Request the bytes that the partial file lacks, and append them.

    Raises:
        _Transient: if a retry may help; the bytes received stay in `part` unless the file has changed on the server.
        UserError: if no retry helps.
    """
    known = _read_record(record, part, address)
    start = part.stat().st_size if part.exists() else 0
    if start and start == known.bytes:
        return
    headers = {"Range": f"bytes={start}-", "If-Range": str(known.validator)} if start else {}
    with client.stream("GET", address, headers=headers) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise _Transient("the file has no such range; starting again")
        _check_status(address, response)
        try:
            length = _complete_length(response, start, known)
        except _Transient:
            part.unlink(missing_ok=True)
            raise
        if response.status_code == 200:
            start = 0
            # A download that was compressed in transit cannot be resumed, so its record has no validator.
            validators = {} if "Content-Encoding" in response.headers else response.headers
            part.unlink(missing_ok=True)
            write_json(
                record, asdict(_Record(address, validators.get("ETag"), validators.get("Last-Modified"), length))
            )
        _check_length(address, part, length or start, limit)
        _receive(response, address, part, start, length, limit)


def _check_content(address: str, part: Path) -> None:
    """Raise UserError for an empty file, and for a web page under the name of a data file."""
    with open(part, "rb") as file:
        head = file.read(512)
    wrong = not head or (content_of(head) == "a web page" and part.with_suffix("").suffix.lower() in DATA_SUFFIXES)
    if wrong:
        part.unlink(missing_ok=True)
        content = "a web page (an error page?)" if head else "nothing"
        raise UserError(f"{address}: the server sent {content} instead of a file; open the address in a browser")


def _receive_all(client: httpx2.Client, address: str, part: Path, record: Path, limit: int) -> None:
    """Repeat `_attempt` until the partial file is complete, waiting longer after every failure without progress.

    A server that is too slow makes no progress worth waiting for.
    """
    failures = furthest = 0
    while True:
        try:
            return _attempt(client, address, part, record, limit)
        except _Transient as error:
            problem, slow = str(error), False
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            if not is_retryable(error):
                raise UserError(f"{address} cannot be downloaded: {describe(error)}") from None
            problem, slow = describe(error), isinstance(error, TooSlow)
        except OSError as error:
            raise UserError(f"{part} cannot be written ({error.strerror}); free some space, run this again") from None
        reached = part.stat().st_size if part.exists() else 0
        failures = 1 if reached > furthest and not slow else failures + 1
        furthest = max(furthest, reached)
        if failures == ATTEMPTS:
            raise UserError(f"{address}: {problem}; given up after {ATTEMPTS} attempts, run this again to resume")
        wait = BACKOFF_SECONDS * 2 ** (failures - 1)
        print(f"note: {without_credentials(address)}: {problem}; trying again in {wait:g} s", file=sys.stderr)
        time.sleep(wait)


def download(address: str, folder: Path, limit: int = MOST_BYTES) -> Path:
    """Return the path of a local copy of the file at an http(s) address, and download the file if there is none.

    A copy is kept in `folder` and never requested again; delete the folder to get the current file. An interrupted
    download is resumed, in this run or a later one, while the server's ETag or Last-Modified hold (Range and If-Range,
    RFC 9110), and starts again if the file changed. The copy appears once it is complete.

    Args:
        address: the address.
        folder: the folder of all downloads.
        limit: the largest length of the file in bytes.

    Raises:
        UserError: if the address is invalid, answers with an error (a server error is retried), cannot be reached,
            repeatedly breaks off without progress or is too slow, sends a web page instead of a file, sends more than
            `limit`, or needs more disk space.
    """
    try:
        path = kept_path(address, folder)
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        part, record = path.with_name(path.name + ".part"), path.with_name(path.name + ".json")
        with new_client(HEADERS) as client:
            _receive_all(client, address, part, record, limit)
        _check_content(address, part)
    except UserError as error:
        raise UserError(str(error).replace(address, without_credentials(address))) from None
    part.replace(path)
    record.unlink(missing_ok=True)
    return path
