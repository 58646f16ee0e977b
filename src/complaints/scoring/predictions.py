"""Predictions on disk: columns `row_id, split, logits`, rows in the order of the split files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import broken_output
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import HELD_OUT

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
    classes = logits[HELD_OUT[0]].shape[1]
    schema = pa.schema(
        [
            pa.field("row_id", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("logits", pa.list_(pa.float32(), classes), nullable=False),
        ]
    )

    def table(split: str) -> pa.Table:
        values = np.ascontiguousarray(logits[split], dtype=np.float32)
        if values.shape != (len(row_ids[split]), classes):
            raise ValueError(f"{split}: logits of shape {values.shape} for {len(row_ids[split])} rows")
        columns = [
            pa.array(row_ids[split], pa.string()),
            pa.array([split] * len(row_ids[split]), pa.string()),
            pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1), pa.float32()), classes),
        ]
        return pa.Table.from_arrays(columns, schema=schema)

    metadata = {} if checkpoint is None else {CHECKPOINT_KEY: str(hash_path(Path("."), checkpoint.as_posix()))}
    write_parquet(path, schema, (table(split) for split in HELD_OUT), metadata)


def read_checkpoint_md5(path: str | Path) -> str | None:
    """Return the md5 of the checkpoint that made predictions, None if the file names none or cannot be read."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    md5 = metadata.get(CHECKPOINT_KEY.encode())
    return None if md5 is None else md5.decode(errors="replace")


def read_predictions(path: str | Path, splits: Sequence[str] = HELD_OUT) -> dict[str, tuple[list[str], np.ndarray]]:
    """Return the row ids and the logits, float32 [rows, classes], of each of `splits`.

    Raises:
        UserError: if the file is missing, broken or empty, or its rows differ in their number of logits.
    """
    table = read_parquet(path)
    column = table["logits"].combine_chunks()
    # Parquet has no fixed-size lists, so the number of logits is checked here.
    sizes = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(sizes) != 1:
        raise broken_output(path, f"has rows of {sizes} logits instead of one number")
    classes = sizes[0]
    logits = column.flatten().to_numpy().reshape(-1, classes)
    split_of = np.asarray(table["split"].to_pylist())
    row_ids = np.asarray(table["row_id"].to_pylist(), dtype=object)
    return {split: (row_ids[split_of == split].tolist(), logits[split_of == split]) for split in splits}
