"""Files brought in over HTTP as a stream: resumed where they broke off, whole or not there at all, and kept."""

import hashlib
import json
import os
import re
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from tqdm import tqdm

from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.sources.readers.lines import content_of, shown

ATTEMPTS = 5
"""Failures in a row, without any progress between them, after which a download is given up."""
BACKOFF_SECONDS = 1.0
"""Wait before the second attempt; every further wait is twice as long."""
TIMEOUT_SECONDS = (10, 60)
"""To connect, and between two pieces of the answer."""
PIECE_BYTES = 2**16
"""Of what arrives before a connection breaks off, less than one piece is lost."""
HEADERS = {"User-Agent": "complaints-pipeline", "Accept-Encoding": "identity"}
"""Compression on the way would hide the length, and a range of a compressed answer is no range of the file."""
DATA_SUFFIXES = {".csv", ".gz", ".zip"}
"""Under such a name a web page is an error page, whatever the status of the answer."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class _Again(Exception):
    """What may pass: the attempt is worth repeating."""


@dataclass
class _Part:
    """What is known of a file whose beginning lies in `<name>.part`, kept in `<name>.json` beside it."""

    address: str
    etag: str | None = None
    last_modified: str | None = None
    bytes: int | None = None

    @property
    def validator(self) -> str | None:
        """What If-Range may name; a weak ETag does not promise equal bytes (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


def is_address(place: str) -> bool:
    """Say whether a place is an http(s) address rather than a local path."""
    return place.lower().startswith(("http://", "https://"))


def file_name(address: str) -> str:
    """Return the last part of an address's path, made harmless as a file's name."""
    name = unquote(urlsplit(address).path.rpartition("/")[2])
    return re.sub(r"[^\w.-]", "_", name).lstrip(".") or "index"


def kept_path(address: str, folder: Path) -> Path:
    """Return where `download` keeps what lies at `address`: a folder of its own, so that equal names do not meet."""
    return folder / hashlib.sha256(address.encode()).hexdigest()[:16] / file_name(address)


def _read_part(record: Path, part: Path, address: str) -> _Part:
    """Return what is known of the part; without it, or a way to tell whether the file is the same, start anew."""
    try:
        known = _Part(**json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = _Part(address)
    if known.address != address or known.validator is None:
        known = _Part(address)
        part.unlink(missing_ok=True)
    return known


def _length(response: requests.Response, start: int, known: _Part) -> int | None:
    """Return the length of the whole file, None where the server does not say; check that a range fits the part."""
    if response.status_code == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        said = {"ETag": known.etag, "Last-Modified": known.last_modified}
        same = all(response.headers.get(name, value) == value for name, value in said.items())
        if not found or int(found[1]) != start or not same or (known.bytes and int(found[3]) != known.bytes):
            raise _Again("the server sent another part than the one asked for")
        return int(found[3])
    declared = response.headers.get("Content-Length", "")
    return int(declared) if declared.isdecimal() and "Content-Encoding" not in response.headers else None


def _refuse_status(address: str, response: requests.Response) -> None:
    """Raise for every answer that is not (a part of) the file: _Again for what may pass, else UserError."""
    status = f"{response.status_code} {response.reason}"
    if response.status_code >= 500 or response.status_code in (408, 429):
        raise _Again(f"the server answered {status}")
    if response.status_code not in (200, 206):
        raise UserError(f"{address}: the server answered {status}; correct the address, or see whether the file moved")


def _attempt(address: str, part: Path, record: Path) -> None:
    """Bring in what `part` lacks.

    Raises:
        _Again: for what may pass; what arrived stays in `part`, unless the file has changed.
        UserError: for what will not pass.
    """
    known = _read_part(record, part, address)
    start = part.stat().st_size if part.exists() else 0
    if start and start == known.bytes:
        return
    headers = dict(HEADERS)
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": str(known.validator)}
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise _Again("the server has no such part; starting anew")
        _refuse_status(address, response)
        try:
            length = _length(response, start, known)
        except _Again:
            part.unlink(missing_ok=True)
            raise
        if response.status_code == 200:
            start = 0
            # What was compressed on the way cannot be resumed, so nothing is kept to resume it by.
            said = {} if "Content-Encoding" in response.headers else response.headers
            part.unlink(missing_ok=True)
            write_json(record, asdict(_Part(address, said.get("ETag"), said.get("Last-Modified"), length)))
        if length and length - start > (free := shutil.disk_usage(part.parent).free):
            raise UserError(f"{address} needs {length - start:,} bytes in {part.parent}, where {free:,} are free")
        with (
            open(part, "ab") as file,
            tqdm(desc=part.stem, total=length, initial=start, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for piece in response.iter_content(PIECE_BYTES):
                file.write(piece)
                bar.update(len(piece))
            file.flush()
            os.fsync(file.fileno())
    size = part.stat().st_size
    if length is not None and size < length:
        raise _Again(f"the connection broke off after {size:,} of {length:,} bytes")
    if length is not None and size > length:
        part.unlink(missing_ok=True)
        raise _Again(f"the server sent more than the {length:,} bytes it announced")


def _refuse_content(address: str, part: Path) -> None:
    """Raise UserError for an empty file, and for a web page where the name promises something else."""
    with open(part, "rb") as file:
        head = file.read(512)
    wrong = not head or (content_of(head) == "a web page" and part.with_suffix("").suffix.lower() in DATA_SUFFIXES)
    if wrong:
        part.unlink(missing_ok=True)
        what = "a web page (an error page?)" if head else "nothing"
        raise UserError(f"{address}: the server sent {what} instead of a file; open the address in a browser")


def download(address: str, folder: Path) -> Path:
    """Return the path of a local copy of the file at an http(s) address, downloading it unless it is there.

    A copy is kept below `folder` and never asked for again: delete the folder to have the file as it is today. A
    download that breaks off is resumed, in this run or a later one, if the server's ETag or Last-Modified still hold
    (Range and If-Range, RFC 9110), and begins anew if the file changed. The copy appears when it is complete.

    Raises:
        UserError: for an address that answers with an error (5xx: five times over), cannot be reached, breaks off again
            and again without progress, sends a web page instead of a file, or does not fit on the disk.
    """
    try:
        path = kept_path(address, folder)
    except ValueError as error:
        raise UserError(f"{address} is no address ({error}); correct it") from None
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part, record = path.with_name(path.name + ".part"), path.with_name(path.name + ".json")
    failures = furthest = 0
    while True:
        try:
            _attempt(address, part, record)
            break
        except _Again as error:
            problem = str(error)
        except requests.exceptions.ChunkedEncodingError:
            problem = "the connection broke off"
        except requests.Timeout:
            problem = "no answer in time"
        except requests.ConnectionError:
            problem = "no connection to the server (is there a network?)"
        except requests.RequestException as error:
            raise UserError(f"{address} cannot be downloaded: {shown(str(error))}") from None
        reached = part.stat().st_size if part.exists() else 0
        failures = 1 if reached > furthest else failures + 1
        furthest = max(furthest, reached)
        if failures == ATTEMPTS:
            raise UserError(f"{address}: {problem}; given up after {ATTEMPTS} attempts, run this again to go on")
        wait = BACKOFF_SECONDS * 2 ** (failures - 1)
        print(f"note: {address}: {problem}; trying again in {wait:g} s", file=sys.stderr)
        time.sleep(wait)
    _refuse_content(address, part)
    part.replace(path)
    record.unlink(missing_ok=True)
    return path
