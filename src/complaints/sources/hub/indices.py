"""Index files: the train and validation rows of the hub's train split, downloaded once and checked before use."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import constants

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.schema import SPLITS
from complaints.sources.addresses import is_address, kept_path
from complaints.sources.download import download
from complaints.sources.hub.description import IndexFile, Indices
from complaints.sources.readers.lines import shown

MOST_BYTES = 2**28
"""Largest index file: the row numbers of more complaints than the CFPB has published."""

LEFT_OUT = -1
"""Code of a row that is in neither index file; every other code is an index into SPLITS."""


def _local_copy(index: IndexFile, downloads: Path) -> Path:
    """Return a local file with the content that `index` pins; a downloaded file is kept."""
    path = Path(index.location)
    if is_address(index.location):
        path = kept_path(index.location, downloads)
        if path.exists() and file_digest(path) != index.sha256:
            path.unlink()
        if constants.HF_HUB_OFFLINE and not path.exists():
            raise UserError(
                f"index file {index.location} is not in {downloads}/ and HF_HUB_OFFLINE is set; unset it, or give a "
                "local copy as its location in the description"
            )
        download(index.location, downloads, MOST_BYTES)
    if not path.is_file():
        raise UserError(f"index file {path} does not exist; correct its location in the description")
    if (digest := file_digest(path)) != index.sha256:
        raise UserError(
            f"index file {index.location} has sha256 {digest}, not {index.sha256[:12]}... as the description says; "
            "it was changed: find the right one, or correct its sha256"
        )
    return path


def _row_numbers(index: IndexFile, path: Path, rows: int) -> np.ndarray:
    """Return the ascending row numbers of an index file, int64."""
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"index file {index.location} is not JSON ({shown(str(error))})") from None
    if not isinstance(values, list) or not values or not all(type(value) is int for value in values):
        raise UserError(f"index file {index.location} must be a JSON list of row numbers, with at least one")
    for position, (before, after) in enumerate(pairwise(values)):
        if after <= before:
            raise UserError(
                f"index file {index.location}: entry {position + 2} is {after} and follows {before}; "
                "row numbers must ascend, each once"
            )
    if values[0] < 0 or values[-1] >= rows:
        outside = values[0] if values[0] < 0 else values[-1]
        raise UserError(
            f"index file {index.location}: there is no row {outside}; the hub's train split has {rows} rows, from 0"
        )
    return np.array(values, dtype=np.int64)


def read_indices(indices: Indices, rows: int, downloads: Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the code of each row of the hub's train split, and a manifest entry for each index file.

    Args:
        indices: the two index files.
        rows: number of rows of the hub's train split.
        downloads: a folder in which downloaded files are kept.

    Returns:
        The codes, int8 [rows], each an index into SPLITS or LEFT_OUT; and {name, bytes, sha256, rows} of the files.

    Raises:
        UserError: if a file cannot be read, does not have the sha256 of the description, or is not an ascending list
            of distinct row numbers below `rows`; also if a row is in both files.
    """
    codes = np.full(rows, LEFT_OUT, np.int8)
    listing = []
    for name in ("train", "validation"):
        index: IndexFile = getattr(indices, name)
        path = _local_copy(index, downloads)
        numbers = _row_numbers(index, path, rows)
        shared = numbers[codes[numbers] != LEFT_OUT]
        if len(shared):
            raise UserError(
                f"index file {index.location}: row {shared[0]} is in {indices.train.location} too ({len(shared)} such "
                "rows); a row is either train or validation"
            )
        codes[numbers] = SPLITS.index(name)
        listing.append(
            {
                "name": path.name,
                "bytes": path.stat().st_size,
                "sha256": index.sha256,
                "rows": len(numbers),
            }
        )
    return codes, listing
