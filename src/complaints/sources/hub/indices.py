"""Index files: which rows of a split are train and which are validation, fetched once and checked before use."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import constants

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.paths import SCRATCH
from complaints.core.schema import SPLITS
from complaints.sources.download import download, file_name, is_address, kept_path
from complaints.sources.hub.description import IndexFile, Indices
from complaints.sources.readers.lines import shown

DOWNLOADS = SCRATCH / "downloads"
LEFT_OUT = -1
"""Stands where a place in SPLITS would, for a row that is in neither file."""


def _local_copy(index: IndexFile) -> Path:
    """Return a local file with the content that `index` pins; a download is kept."""
    path = Path(index.location)
    if is_address(index.location):
        path = kept_path(index.location, DOWNLOADS)
        if path.exists() and file_digest(path) != index.sha256:
            path.unlink()
        if constants.HF_HUB_OFFLINE and not path.exists():
            raise UserError(
                f"index file {index.location} is not in {DOWNLOADS}/ and HF_HUB_OFFLINE is set; unset it, or give a "
                "local copy as its location in the description"
            )
        download(index.location, DOWNLOADS)
    if not path.is_file():
        raise UserError(f"index file {path} does not exist; correct its location in the description")
    if (digest := file_digest(path)) != index.sha256:
        raise UserError(
            f"index file {index.location} has sha256 {digest}, not {index.sha256[:12]}... as the description says; "
            "it was changed: find the right one, or correct its sha256"
        )
    return path


def _row_numbers(index: IndexFile, path: Path, rows: int) -> np.ndarray:
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"index file {index.location} is not JSON ({shown(str(error))})") from None
    if not isinstance(values, list) or not values or not all(type(value) is int for value in values):
        raise UserError(f"index file {index.location} must be a JSON list of row numbers, with at least one")
    for place, (before, after) in enumerate(pairwise(values)):
        if after <= before:
            raise UserError(
                f"index file {index.location}: entry {place + 2} is {after} and follows {before}; "
                "row numbers must ascend, each once"
            )
    if values[0] < 0 or values[-1] >= rows:
        outside = values[0] if values[0] < 0 else values[-1]
        raise UserError(
            f"index file {index.location}: there is no row {outside}; the hub's train split has {rows} rows, from 0"
        )
    return np.array(values, dtype=np.int64)


def read_indices(indices: Indices, rows: int) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the place in SPLITS, or LEFT_OUT, of each of `rows` rows, int8 [rows], and the files' {name, bytes, ...}.

    Raises:
        UserError: if a file cannot be had, is not the one that its sha256 names, or is no ascending list of different
            row numbers below `rows`; also if one row is in both files.
    """
    codes = np.full(rows, LEFT_OUT, np.int8)
    listing = []
    for name in ("train", "validation"):
        index: IndexFile = getattr(indices, name)
        path = _local_copy(index)
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
                "name": file_name(index.location),
                "bytes": path.stat().st_size,
                "sha256": index.sha256,
                "rows": len(numbers),
            }
        )
    return codes, listing
