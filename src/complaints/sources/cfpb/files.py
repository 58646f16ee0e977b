"""Where the CFPB's files lie: a description of them in YAML, the archive's page, local copies and their digests."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.typed import Count, build, read_yaml
from complaints.sources.download import download, is_address, kept_path
from complaints.sources.readers.chunk import Chunk
from complaints.sources.readers.csv import csv_chunks, csv_header
from complaints.sources.readers.lines import check_file, shown

DOWNLOADS = Path("scratch/downloads")
ENCODING = "utf-8"
PART_NAME = re.compile(r"CCDB_Export_(\d+)_.*\.(?:zip|csv|csv\.gz)", re.IGNORECASE)
"""How the CFPB names the files of its archive of narratives."""
DATA_NAME = re.compile(r".*\.(?:zip|csv|csv\.gz)", re.IGNORECASE)


@dataclass(frozen=True)
class Pin:
    """What a file must be."""

    bytes: Count
    sha256: str


@dataclass(frozen=True)
class Description:
    """What data/sources/cfpb.yaml says; a place is an http(s) address, or a path from the root of the project."""

    complaints: str
    """The structured file, zipped or not."""
    narratives: str | None
    """The archive's page, a folder of its files, or one file; None where `complaints` has the narratives itself."""
    pinned: dict[str, Pin] | None
    """File name -> what the file must be."""


@dataclass(frozen=True)
class DataFile:
    """A file on this machine, with what the manifest says about it."""

    path: Path
    entry: dict[str, Any]
    """{name, bytes, sha256}, and `address` if it was downloaded."""
    modified: int
    """When, in nanoseconds, as the file system has it."""


def read_description(path: Path) -> Description:
    """Read and check a description.

    Raises:
        UserError: naming the file and the key that is unknown, missing or of the wrong type.
    """
    return build(Description, read_yaml(path), "", where=str(path))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if tag == "a" and name == "href" and value]


def part_order(name: str) -> tuple[int, str] | None:
    """Return what sorts an archive's file by its number, None for a name that is not one of them."""
    match = PART_NAME.fullmatch(name)
    return (int(match[1]), name) if match else None


def _in_order(places: dict[str, str], where: str) -> list[str]:
    """Return the places (place -> file name) that are parts of the archive, by number."""
    orders = {place: order for place, name in places.items() if (order := part_order(name))}
    if not orders:
        raise UserError(
            f"{where} has no file named CCDB_Export_<number>_*.zip; correct `narratives` in the description"
        )
    return sorted(orders, key=lambda place: orders[place])


def archive_links(html: str, address: str) -> list[str]:
    """Return the addresses of an archive page's files, each once, by their number; `address` is the page's own.

    Raises:
        UserError: if it has none.
    """
    links = _Links()
    links.feed(html)
    names: dict[str, str] = {}
    for target in links.targets:
        try:
            place = urldefrag(urljoin(address, target.strip())).url
            names[place] = unquote(urlsplit(place).path.rpartition("/")[2])
        except ValueError:
            continue  # No address, hence not one of the archive's.
    return _in_order({place: name for place, name in names.items() if is_address(place)}, address)


def _narrative_places(place: str) -> list[str]:
    if is_address(place):
        if DATA_NAME.fullmatch(place.partition("?")[0]):
            return [place]
        try:
            return archive_links(download(place, DOWNLOADS).read_text(encoding="utf-8", errors="replace"), place)
        except UserError:
            # A page for maintenance days must not be taken for the archive for ever.
            kept_path(place, DOWNLOADS).unlink(missing_ok=True)
            raise
    if Path(place).is_dir():
        return _in_order({str(path): path.name for path in Path(place).iterdir()}, place)
    return [place]


def _on_this_machine(place: str, pinned: dict[str, Pin]) -> DataFile:
    """Bring in a file if need be, and check it against its pin."""
    path = download(place, DOWNLOADS) if is_address(place) else Path(place)
    if not path.exists():
        raise UserError(f"{place} does not exist; correct it in the description that fetch.path names")
    check_file(path)
    state = path.stat()
    entry: dict[str, Any] = {"name": path.name, "bytes": state.st_size, "sha256": file_digest(path)}
    pin = pinned.get(path.name)
    if pin and (pin.bytes, pin.sha256) != (entry["bytes"], entry["sha256"]):
        raise UserError(
            f"{path} is not the pinned file: {entry['bytes']:,} bytes with sha256 {shown(entry['sha256'])}, not "
            f"{pin.bytes:,} with {shown(pin.sha256)}; change the pin if that is meant, or bring in the file it names"
        )
    return DataFile(path, entry | ({"address": place} if is_address(place) else {}), state.st_mtime_ns)


def locate(description: Description) -> tuple[DataFile, list[DataFile]]:
    """Return the structured file and the files with narratives, in order; all are complete, and what their pins say.

    Raises:
        UserError: for a file that is missing, cannot be downloaded or differs from its pin, a pin without a file, and
            an archive page or folder without files.
    """
    pinned = description.pinned or {}
    complaints = _on_this_machine(description.complaints, pinned)
    if description.narratives is None:
        narratives = []
    else:
        narratives = [_on_this_machine(place, pinned) for place in _narrative_places(description.narratives)]
    names = {file.path.name for file in [complaints, *narratives]}
    if idle := sorted(pinned.keys() - names):
        raise UserError(f"{shown(idle[0])} is pinned, but there is no such file; there are {', '.join(sorted(names))}")
    return complaints, narratives


@contextmanager
def _naming_address(file: DataFile) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        if "address" not in file.entry:
            raise
        raise UserError(f"{error} (it is from {file.entry['address']}; delete it to download it again)") from None


def check_header(file: DataFile, columns: dict[str, str], hint: str = "") -> None:
    """Raise UserError unless every one of the columns (role -> name) is there once; `hint` goes into the message."""
    with _naming_address(file):
        there = csv_header(file.path, ENCODING)
        for name in columns.values():
            if (count := there.count(name)) != 1:
                names = ", ".join(shown(other) for other in there[:30])
                raise UserError(f"{file.path} has {count or 'no'} columns called {name!r}{hint}; it has: {names}")


def chunks(file: DataFile, columns: dict[str, str]) -> Iterator[Chunk]:
    """Yield a file's rows as `csv_chunks` does.

    Raises:
        UserError: as `csv_chunks` does, and if the file is no longer the one whose digest was taken.
    """
    with _naming_address(file):
        yield from csv_chunks(file.path, ENCODING, columns)
    state = file.path.stat()
    if (state.st_size, state.st_mtime_ns) != (file.entry["bytes"], file.modified):
        raise UserError(f"{file.path} changed while it was being read; run this again when it is complete")
