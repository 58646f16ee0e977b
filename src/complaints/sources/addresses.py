"""Addresses of files to download, and the paths at which downloads are kept."""

import hashlib
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from complaints.core.errors import UserError

NAME_CHARACTERS = 60
"""Longest name of a file: with four bytes for each character it stays below 255 bytes, the limit of file systems."""


def is_address(location: str) -> bool:
    """Tell whether a location is an address, of which `download` takes http and https; otherwise it is a local path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", location) is not None


def _split(address: str) -> SplitResult:
    """Return the parts of an http(s) address.

    Raises:
        UserError: if it cannot be the address of a file.
    """
    try:
        parts = urlsplit(address)
        if parts.scheme.lower() not in ("http", "https"):
            raise ValueError("only http and https are downloaded")
        if not parts.hostname or re.search(r"\s", parts.netloc):
            raise ValueError("no host name, or a blank in it")
        _ = parts.port  # raises ValueError beyond 65535
    except ValueError as error:
        raise UserError(f"{address} is not a valid address ({error}); correct it") from None
    return parts


def file_name(address: str) -> str:
    """Return the last segment of an address's path, made safe as a file name.

    Raises:
        UserError: if the address is invalid.
    """
    name = unquote(_split(address).path.rpartition("/")[2])
    return re.sub(r"[^\w.-]", "_", name)[-NAME_CHARACTERS:].lstrip(".") or "index"


def kept_path(address: str, folder: Path) -> Path:
    """Return the path at which `download` keeps a file: equal names do not clash, as every address has a folder.

    Raises:
        UserError: if the address is invalid.
    """
    return folder / hashlib.sha256(address.encode()).hexdigest()[:16] / file_name(address)
