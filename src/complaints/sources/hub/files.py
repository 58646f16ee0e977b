"""Files of a data set on the hub, downloaded at one commit and checked."""

import fnmatch
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import constants, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)
from huggingface_hub.utils import disable_progress_bars

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.sources.hub.description import HubDescription


@dataclass(frozen=True)
class HubFile:
    """A file of the data set, as it lies in the hub's cache."""

    name: str
    split: str
    path: Path
    sha256: str


ATTEMPTS = 3
WAIT_SECONDS = 2.0
"""Wait after the first failure, doubled after each; the client's own attempts at a request come on top."""

FINAL = (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError, LocalEntryNotFoundError)
"""Failures that no further attempt mends; the last of them is raised after the client's own attempts."""


def _explain(error: Exception) -> str:
    """Return, on one line, why the hub's files could not be had, and what to do."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, OfflineModeIsEnabled):
        return (
            f"HF_HUB_OFFLINE is set, and {constants.HF_HUB_CACHE} has no complete copy; unset it, "
            "or bring that folder from a machine that has one"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{constants.ENDPOINT} has no such commit of it; correct revision"
    if isinstance(error, RepositoryNotFoundError):
        return f"{constants.ENDPOINT} has no such data set, or it is private (then log in, or set HF_TOKEN)"
    if isinstance(error, HfHubHTTPError):
        # Without the query, which may be a signature.
        address, status = str(error.response.url).partition("?")[0], error.response.status_code
        return (
            f"{address} answered {status}; {'log in, or set HF_TOKEN' if status in (401, 403) else 'try again later'}"
        )
    if isinstance(error, httpx2.TransportError):
        reason = str(error).partition("\n")[0] or type(error).__name__
        return (
            f"no connection to {constants.ENDPOINT}, or it broke off ({reason}); check the network and HF_ENDPOINT, or "
            f"bring {constants.HF_HUB_CACHE} from a machine that has a copy and set HF_HUB_OFFLINE=1"
        )
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, ValueError) and not isinstance(error, HFValidationError):
        return f"{constants.ENDPOINT} does not answer like a hub ({reason}); is there a login page in between?"
    return reason


def _snapshot(description: HubDescription) -> Path:
    """Download the files that are not in the hub's cache yet, and return the folder of the commit there."""
    if not sys.stderr.isatty():
        disable_progress_bars()
    for attempt in range(ATTEMPTS):
        try:
            return Path(
                snapshot_download(
                    description.dataset,
                    repo_type="dataset",
                    revision=description.revision,
                    allow_patterns=list(description.files.values()),
                )
            )
        except FINAL as error:
            raise UserError(f"{description} cannot be fetched: {_explain(error)}") from None
        except (httpx2.HTTPError, OSError, ValueError, XetDownloadError) as error:
            if attempt + 1 == ATTEMPTS:
                raise UserError(f"{description} cannot be fetched: {_explain(error)}") from None
            time.sleep(WAIT_SECONDS * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _names(description: HubDescription) -> dict[str, str]:
    """Return {name: split} of the files that make the data set, from the listing that came with the commit."""
    try:
        tree = get_cached_repo_tree(description.dataset, repo_type="dataset", revision=description.revision)
    except CachedRepoTreeNotFoundError:
        raise UserError(
            f"{description}: {constants.HF_HUB_CACHE} has files of it but no listing that says whether they are all; "
            "run this once with the network"
        ) from None
    there = sorted(file.path for file in tree)
    names: dict[str, str] = {}
    for split, pattern in description.files.items():
        found = fnmatch.filter(there, pattern)
        if not found:
            listed = ", ".join(there[:10]) + (", ..." if len(there) > 10 else "")
            raise UserError(f"{description}: files.{split} = {pattern} matches no file; there are: {listed}")
        for name in found:
            if name in names:
                raise UserError(f"{description}: {name} matches both files.{names[name]} and files.{split}")
            names[name] = split
    for name in description.sha256 or {}:
        if name not in names:
            raise UserError(f"{description}: sha256 is given for {name}, which files do not match")
    return names


def _check_digest(description: HubDescription, name: str, path: Path, digest: str, earlier: dict[str, str]) -> None:
    # In the hub's cache a file is a link to one that is named by the digest under which the hub lists it.
    listed = path.readlink().name if path.is_symlink() else ""
    if re.fullmatch(r"[0-9a-f]{64}", listed) and digest != listed:
        raise UserError(
            f"{description}: {name} has sha256 {digest[:12]}..., and the hub lists it under {listed[:12]}...; it was "
            f"damaged on its way or since: delete {path.resolve()} and run this again"
        )
    pinned = (description.sha256 or {}).get(name, digest)
    if digest != pinned:
        raise UserError(
            f"{description}: {name} has sha256 {digest}, and the description gives {pinned[:12]}...; "
            "correct whichever is wrong"
        )
    before = earlier.get(name, digest)
    if digest != before:
        raise UserError(
            f"{description}: {name} changed: sha256 {digest[:12]}..., and {before[:12]}... when data/raw/source.json "
            "was written, though one commit has one content; find out why, and delete that manifest to go on"
        )


def download(description: HubDescription, earlier: dict[str, str]) -> list[HubFile]:
    """Return the files that make the data set, split by split and within one by name, downloaded unless they are there.

    Every file is checked against the digest that the hub lists it under, the one in the description, and `earlier`,
    {name: sha256} of the last manifest that named this commit.

    Raises:
        UserError: if the data set, the commit or a file cannot be had, or is not what it should be.
    """
    folder = _snapshot(description)
    files = []
    for name, split in _names(description).items():
        digest = file_digest(folder / name)
        _check_digest(description, name, folder / name, digest, earlier)
        files.append(HubFile(name, split, folder / name, digest))
    return files
