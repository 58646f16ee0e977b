"""Files of the CFPB: the links of the archive's page, local copies, and their digests."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from complaints.core.errors import UserError, without_credentials
from complaints.core.files import file_digest
from complaints.sources.addresses import file_name, is_address, kept_path
from complaints.sources.cfpb.description import CfpbDescription, Pin
from complaints.sources.download import MOST_BYTES, download
from complaints.sources.readers.chunk import Chunk, check_columns
from complaints.sources.readers.csv import csv_chunks, csv_header
from complaints.sources.readers.lines import check_file, shown

ENCODING = "utf-8"
ARCHIVE_NAME = re.compile(r"CCDB_Export_(\d+)_.*\.(?:zip|csv|csv\.gz)", re.IGNORECASE)
"""Names of the files in the CFPB's archive of narratives."""
PAGE_BYTES = 2**24
"""Largest page of links."""
DATA_NAME = re.compile(r".*\.(?:zip|csv|csv\.gz)", re.IGNORECASE)


@dataclass(frozen=True)
class DataFile:
    """A local file, with its entry in the manifest."""

    path: Path
    entry: dict[str, Any]
    """{name, bytes, sha256}, and `address` if the file was downloaded."""
    modified: int
    """Modification time in nanoseconds, from the file system."""


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if tag == "a" and name == "href" and value]


def archive_order(name: str) -> tuple[int, str] | None:
    """Return the sort key of a file of the archive, its number first; None for any other file name."""
    match = ARCHIVE_NAME.fullmatch(name)
    return (int(match[1]), name) if match else None


def _archive_files(names: dict[str, str], where: str) -> list[str]:
    """Return the locations (keys) of those files that have names (values) of the archive, sorted by number."""
    orders = {location: order for location, name in names.items() if (order := archive_order(name))}
    if not orders:
        raise UserError(
            f"{where} has no file named CCDB_Export_<number>_*.zip; correct `narratives` in the description"
        )
    return sorted(orders, key=lambda location: orders[location])


def archive_links(html: str, address: str) -> list[str]:
    """Return the distinct addresses of the files that an archive page links to, sorted by number.

    Args:
        html: the page.
        address: the address of the page, to which its links are relative.

    Raises:
        UserError: if the page links to no file of the archive.
    """
    links = _Links()
    links.feed(html)
    names: dict[str, str] = {}
    for target in links.targets:
        try:
            location = urldefrag(urljoin(address, target.strip())).url
            names[location] = unquote(urlsplit(location).path.rpartition("/")[2])
        except ValueError:
            continue  # Not an address, hence not a file of the archive.
    return _archive_files({location: name for location, name in names.items() if is_address(location)}, address)


def _narrative_locations(location: str, downloads: Path) -> list[str]:
    if is_address(location):
        if DATA_NAME.fullmatch(location.partition("?")[0]):
            return [location]
        try:
            page = download(location, downloads, PAGE_BYTES).read_text(encoding="utf-8", errors="replace")
            return archive_links(page, location)
        except UserError:
            # Otherwise a maintenance page, once downloaded, would be taken for the archive in every later run.
            kept_path(location, downloads).unlink(missing_ok=True)
            raise
    if Path(location).is_dir():
        return _archive_files({str(path): path.name for path in Path(location).iterdir()}, location)
    return [location]


def _local_file(location: str, pinned: dict[str, Pin], downloads: Path) -> DataFile:
    """Return a local copy of a file, downloaded if need be and checked against its pin."""
    if is_address(location):
        pin = pinned.get(file_name(location))
        path = download(location, downloads, pin.bytes if pin else MOST_BYTES)
    else:
        path = Path(location)
    if not path.exists():
        raise UserError(f"{location} does not exist; correct it in the description that fetch.path names")
    try:
        check_file(path)
    except UserError as error:
        key = "a location in the description that fetch.path names"
        raise UserError(str(error).replace("fetch.path", key)) from None
    status = path.stat()
    entry: dict[str, Any] = {"name": path.name, "bytes": status.st_size, "sha256": file_digest(path)}
    pin = pinned.get(path.name)
    if pin and (pin.bytes, pin.sha256) != (entry["bytes"], entry["sha256"]):
        raise UserError(
            f"{path} is not the pinned file: {entry['bytes']:,} bytes with sha256 {shown(entry['sha256'])}, not "
            f"{pin.bytes:,} with {shown(pin.sha256)}; correct the pin, or supply the pinned file"
        )
    # The entry is committed with source.json; a user name and a password are not.
    address = without_credentials(location)
    return DataFile(path, entry | ({"address": address} if is_address(location) else {}), status.st_mtime_ns)


def locate(description: CfpbDescription, downloads: Path) -> tuple[DataFile, list[DataFile]]:
    """Return the structured file and the files of narratives, in order, complete and checked against their pins.

    Raises:
        UserError: for a file that is missing, cannot be downloaded or differs from its pin, a pin without a file, and
            an archive page or folder without files.
    """
    pinned = description.pinned or {}
    complaints = _local_file(description.complaints, pinned, downloads)
    locations = [] if description.narratives is None else _narrative_locations(description.narratives, downloads)
    narratives = [_local_file(location, pinned, downloads) for location in locations]
    names = {file.path.name for file in [complaints, *narratives]}
    if unused := sorted(pinned.keys() - names):
        raise UserError(
            f"{shown(unused[0])} is pinned, but there is no such file; there are {', '.join(sorted(names))}"
        )
    return complaints, narratives


@contextmanager
def _naming_address(file: DataFile) -> Iterator[None]:
    """Add the address of a downloaded file to the message of a UserError."""
    try:
        yield
    except UserError as error:
        if "address" not in file.entry:
            raise
        raise UserError(f"{error} (it is from {file.entry['address']}; delete it to download it again)") from None


def check_header(file: DataFile, columns: dict[str, str], hint: str = "") -> None:
    """Raise UserError as `check_columns` does, for the header of a file."""
    with _naming_address(file):
        check_columns(file.path, csv_header(file.path, ENCODING), columns, keys="", hint=hint)


def chunks(file: DataFile, columns: dict[str, str]) -> Iterator[Chunk]:
    """Yield a file's rows as `csv_chunks` does.

    Raises:
        UserError: as `csv_chunks` does, and if the file changed after its digest was taken.
    """
    with _naming_address(file):
        yield from csv_chunks(file.path, ENCODING, columns)
    status = file.path.stat()
    if (status.st_size, status.st_mtime_ns) != (file.entry["bytes"], file.modified):
        raise UserError(f"{file.path} changed while it was being read; run this again when it is complete")
