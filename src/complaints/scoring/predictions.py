"""Predictions on disk: columns `row_id, split, logits`, rows in the order of the split files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import broken_output
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import HELD_OUT

TRAIN = "train"
UNLABELED = "unlabeled"
"""In place of a split: texts without labels."""

FOLDS_KEY = "folds"
"""Key of the metadata of out-of-fold predictions: the number of folds."""
CHECKPOINT_KEY = "checkpoint_md5"
"""Key of the file's metadata: DVC's md5 of the folder of the checkpoint that made the predictions."""


def write_predictions(
    path: str | Path, row_ids: dict[str, list[str]], logits: dict[str, np.ndarray], checkpoint: Path | None = None
) -> None:
    """Write the logits of the held-out splits.

    Args:
        path: The Parquet file to write or replace.
        row_ids: Row ids of each held-out split, in the order of its file.
        logits: Logits of each held-out split, float32 [rows, classes]; their softmax is a probability.
        checkpoint: The complete folder of the checkpoint that made them, None if there is none.

    Raises:
        ValueError: if logits and row ids of a split differ in number.
    """
    metadata = {} if checkpoint is None else {CHECKPOINT_KEY: str(hash_path(Path("."), checkpoint.as_posix()))}
    _write(path, {split: (row_ids[split], logits[split]) for split in HELD_OUT}, metadata)


def write_out_of_fold(path: str | Path, row_ids: list[str], logits: np.ndarray, folds: int | None = None) -> None:
    """Write logits of the training rows, each by a model that was trained on other folds.

    Args:
        path: The Parquet file to write or replace.
        row_ids: Row ids of the training split, in the order of its file; none if there are no folds.
        logits: float32 [rows, classes].
        folds: Number of folds, for the file's metadata; None for no note of it.

    Raises:
        ValueError: if logits and row ids differ in number.
    """
    _write(path, {TRAIN: (row_ids, logits)}, {} if folds is None else {FOLDS_KEY: str(folds)})


def write_no_out_of_fold(path: str | Path, classes: int) -> None:
    """Write the file of a model without out-of-fold predictions: the same columns, and no rows."""
    write_out_of_fold(path, [], np.empty((0, classes), np.float32))


def write_unlabeled(path: str | Path, row_ids: list[str], logits: np.ndarray) -> None:
    """Write logits of texts without labels.

    Args:
        path: The Parquet file to write or replace.
        row_ids: Ids of the texts, in the order of their file; none if there are no texts or no folds.
        logits: float32 [texts, classes].

    Raises:
        ValueError: if logits and row ids differ in number.
    """
    _write(path, {UNLABELED: (row_ids, logits)})


def write_no_unlabeled(path: str | Path, classes: int) -> None:
    """Write the file of a model that predicts no texts without labels: the same columns, and no rows."""
    write_unlabeled(path, [], np.empty((0, classes), np.float32))


def _write(
    path: str | Path, parts: Mapping[str, tuple[list[str], np.ndarray]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write row ids and logits, float32 [rows, classes], of each split."""
    classes = next(iter(parts.values()))[1].shape[1]
    schema = pa.schema(
        [
            pa.field("row_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("logits", pa.list_(pa.float32(), classes), nullable=False),
        ]
    )

    def table(split: str) -> pa.Table:
        row_ids, logits = parts[split]
        values = np.ascontiguousarray(logits, dtype=np.float32)
        if values.shape != (len(row_ids), classes):
            raise ValueError(f"{split}: logits of shape {values.shape} for {len(row_ids)} rows")
        columns = [
            pa.array(row_ids, pa.string()),
            pa.array([split] * len(row_ids), pa.string()),
            pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1), pa.float32()), classes),
        ]
        return pa.Table.from_arrays(columns, schema=schema)

    write_parquet(path, schema, (table(split) for split in parts), metadata)


def read_checkpoint_md5(path: str | Path) -> str | None:
    """Return the md5 of the checkpoint that made predictions, None if the file names none or cannot be read."""
    return _read_metadata(path, CHECKPOINT_KEY)


def read_folds(path: str | Path) -> int | None:
    """Return the number of folds of out-of-fold predictions, None if the file names none or cannot be read."""
    folds = _read_metadata(path, FOLDS_KEY)
    return None if folds is None else int(folds)


def _read_metadata(path: str | Path, key: str) -> str | None:
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    value = metadata.get(key.encode())
    return None if value is None else value.decode(errors="replace")


def read_predictions(path: str | Path) -> dict[str, tuple[list[str], np.ndarray]]:
    """Return the row ids and the logits, float32 [rows, classes], of each held-out split.

    Raises:
        UserError: if the file is missing, broken or empty, or its rows differ in their number of logits.
    """
    rows = _read(path)
    if not rows:
        raise broken_output(path, "has no rows")
    none: tuple[list[str], np.ndarray] = [], next(iter(rows.values()))[1][:0]
    return {split: rows.get(split, none) for split in HELD_OUT}


def read_out_of_fold(path: str | Path) -> tuple[list[str], np.ndarray] | None:
    """Return the row ids and the out-of-fold logits, float32 [rows, classes], of the training rows; None without folds.

    Raises:
        UserError: if the file is missing or broken, or its rows differ in their number of logits.
    """
    return _read(path).get(TRAIN)


def read_unlabeled(path: str | Path) -> tuple[list[str], np.ndarray] | None:
    """Return the row ids and the logits, float32 [texts, classes], of the texts without labels; None without any.

    Raises:
        UserError: as `read_out_of_fold` does.
    """
    return _read(path).get(UNLABELED)


def _read(path: str | Path) -> dict[str, tuple[list[str], np.ndarray]]:
    """Return the row ids and the logits, float32 [rows, classes], of each split with rows."""
    table = read_parquet(path)
    column = table["logits"].combine_chunks()
    # Parquet has no fixed-size lists, so the number of logits is checked here.
    sizes = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(sizes) > 1:
        raise broken_output(path, f"has rows of {sizes} logits instead of one number")
    if not sizes:
        return {}
    logits = column.flatten().to_numpy().reshape(-1, sizes[0])
    splits = np.asarray(table["split"].to_pylist())
    row_ids = np.asarray(table["row_id"].to_pylist(), dtype=object)
    return {split: (row_ids[splits == split].tolist(), logits[splits == split]) for split in np.unique(splits).tolist()}
