"""Files of a data set on the hub, downloaded at one commit and checked."""

import fnmatch
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import constants, get_cached_repo_tree, get_session, set_client_factory, snapshot_download
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
from complaints.sources.http_client import Budget, describe, is_retryable, is_retryable_status, new_client
from complaints.sources.hub.description import HubDescription
from complaints.sources.manifest import LastManifest

ATTEMPTS = 3
WAIT_SECONDS = 2.0
"""Wait after the first failure, doubled after each; the hub client's own retries of a request come on top."""

LISTING_BYTES = 2**26
"""Largest listing of a data set, over all of its pages."""
PAGE_BYTES = 2**10
"""What a page of the listing counts at least, so that empty pages without end exceed LISTING_BYTES too."""
MOST_BYTES = 64 * 2**30
"""Largest file; the hub's client does not download larger ones over HTTP either."""

FINAL = (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError, LocalEntryNotFoundError)
"""Failures that no retry mends; the hub client raises the last of them after its own retries."""


@dataclass(frozen=True)
class HubFile:
    """A file of the data set in the hub's cache."""

    name: str
    split: str
    path: Path
    sha256: str


def _is_final(error: Exception) -> bool:
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    refused = isinstance(error, httpx2.TransportError) and not is_retryable(error)
    return refused or isinstance(error, FINAL) or (status is not None and not is_retryable_status(status))


def _explain(error: Exception) -> str:
    """Return, on one line, why the download from the hub failed, and what to do."""
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
        advice = "log in, or set HF_TOKEN" if status in (401, 403) else "try again later"
        return f"{address} answered {status}; {advice}"
    if isinstance(error, httpx2.TransportError) and not is_retryable(error):
        return f"{constants.ENDPOINT}: {describe(error)}"
    if isinstance(error, httpx2.TransportError):
        return (
            f"{constants.ENDPOINT}: {describe(error)}; check the network and HF_ENDPOINT, or "
            f"bring {constants.HF_HUB_CACHE} from a machine that has a copy and set HF_HUB_OFFLINE=1"
        )
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, ValueError) and not isinstance(error, HFValidationError):
        return f"{constants.ENDPOINT} does not answer like a hub ({reason}); is there a login page in between?"
    return reason


@cache
def _own_hooks() -> Sequence[Callable[[httpx2.Request], Any]]:
    """Return the request hooks of the hub's own client: they keep HF_HUB_OFFLINE, for example."""
    return get_session().event_hooks["request"]


def _limit_client(description: HubDescription) -> None:
    """Let the hub's client have the limits of `http_client`, and a largest listing and file; its own has none."""
    hooks = _own_hooks()
    listing = Budget(LISTING_BYTES, f"{description}: the listing of {constants.ENDPOINT}")

    def check(response: httpx2.Response) -> Callable[[int], None]:
        if "/api/datasets/" in response.url.path:
            listing.spend(PAGE_BYTES)
            return listing.spend
        # Without the query, which may be a signature.
        return Budget(MOST_BYTES, str(response.url).partition("?")[0]).spend

    set_client_factory(lambda: new_client(hooks=hooks, check=check))


def _snapshot(description: HubDescription) -> Path:
    """Download the files that are not yet in the hub's cache, and return the commit's folder there."""
    if not sys.stderr.isatty():
        disable_progress_bars()
    _limit_client(description)
    for attempt in range(ATTEMPTS):
        try:
            return Path(
                snapshot_download(
                    description.dataset,
                    repo_type="dataset",
                    revision=description.revision,
                    allow_patterns=list(description.files.patterns.values()),
                )
            )
        except (httpx2.HTTPError, OSError, ValueError, XetDownloadError) as error:
            if _is_final(error) or attempt + 1 == ATTEMPTS:
                raise UserError(f"{description} cannot be fetched: {_explain(error)}") from None
            time.sleep(WAIT_SECONDS * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def _split_of_each_file(description: HubDescription) -> dict[str, str]:
    """Return {name: split} of the data set's files, from the listing that the hub's cache has of the commit."""
    try:
        tree = get_cached_repo_tree(description.dataset, repo_type="dataset", revision=description.revision)
    except CachedRepoTreeNotFoundError:
        raise UserError(
            f"{description}: {constants.HF_HUB_CACHE} has files of it but no listing to show that they are complete; "
            "run this once with the network"
        ) from None
    listed = sorted(file.path for file in tree)
    splits: dict[str, str] = {}
    for split, pattern in description.files.patterns.items():
        matches = fnmatch.filter(listed, pattern)
        if not matches:
            names = ", ".join(listed[:10]) + (", ..." if len(listed) > 10 else "")
            raise UserError(f"{description}: files.{split} = {pattern} matches no file; there are: {names}")
        for name in matches:
            if name in splits:
                raise UserError(f"{description}: {name} matches both files.{splits[name]} and files.{split}")
            splits[name] = split
    for name in description.sha256 or {}:
        if name not in splits:
            raise UserError(f"{description}: sha256 is given for {name}, which files do not match")
    return splits


def _check_digest(description: HubDescription, file: HubFile, last: LastManifest) -> None:
    # A file in the hub's cache is a link to one that is named by the digest in the hub's listing.
    listed = file.path.readlink().name if file.path.is_symlink() else ""
    if re.fullmatch(r"[0-9a-f]{64}", listed) and file.sha256 != listed:
        raise UserError(
            f"{description}: {file.name} has sha256 {file.sha256[:12]}..., and the hub lists it under "
            f"{listed[:12]}...; it was damaged in transit or later: delete {file.path.resolve()} and run this again"
        )
    pinned = (description.sha256 or {}).get(file.name, file.sha256)
    if file.sha256 != pinned:
        raise UserError(
            f"{description}: {file.name} has sha256 {file.sha256}, and the description gives {pinned[:12]}...; "
            "correct whichever is wrong"
        )
    before = last.digests(description.origin).get(file.name, file.sha256)
    if file.sha256 != before:
        raise UserError(
            f"{description}: {file.name} changed: sha256 {file.sha256[:12]}..., and {before[:12]}... when {last.path} "
            "was written, though the content of a commit never changes; find out why, and delete that manifest to "
            "continue"
        )


def download(description: HubDescription, last: LastManifest) -> list[HubFile]:
    """Return the data set's files by split and name, and download those that are not in the hub's cache.

    Every file is checked against three digests: that of the hub's listing, that of the description, and that of the
    last manifest if it is of this commit.

    Raises:
        UserError: if the data set, the commit or a file cannot be downloaded, or a file fails a check.
    """
    folder = _snapshot(description)
    files = []
    for name, split in _split_of_each_file(description).items():
        file = HubFile(name, split, folder / name, file_digest(folder / name))
        _check_digest(description, file, last)
        files.append(file)
    return files
