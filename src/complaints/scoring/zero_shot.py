"""Zero-shot answers on disk: one Parquet file per method with columns `row_id, split, label_id, logits`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.core.errors import broken_output
from complaints.core.parquet import read_parquet, write_parquet

FOLDER = "zero_shot"
"""Folder of the answers in the folder of predictions."""
RECORD_FILE = "zero_shot.json"
"""Record beside the answers: sample, methods and how they were computed."""
OUTSIDE = -1
"""In memory, the label id of an answer outside of the list; in the file it is null."""
SPLIT = "test"
"""The split that the sample is drawn from."""

_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("label_id", pa.int32()),
        pa.field("logits", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class ZeroShotAnswers:
    """The answers of one method on a sample of the test rows."""

    row_ids: list[str]
    """Ids of the rows, in the order of the test split."""
    label_ids: np.ndarray
    """Class ids, OUTSIDE for an answer that is no class name, int64 [rows]."""
    logits: np.ndarray | None
    """Scores of the classes, float32 [rows, classes]; None for a method that names one class only."""


def write_answers(path: Path, answers: ZeroShotAnswers) -> None:
    """Write the answers of one method.

    Raises:
        ValueError: if label ids, logits and row ids differ in number.
    """
    rows = len(answers.row_ids)
    if len(answers.label_ids) != rows or (answers.logits is not None and len(answers.logits) != rows):
        raise ValueError(f"{len(answers.label_ids)} label ids for {rows} rows")
    logits = pa.nulls(rows, pa.list_(pa.float32()))
    if answers.logits is not None:
        logits = pa.array(list(answers.logits.astype(np.float32)), pa.list_(pa.float32()))
    columns = [
        pa.array(answers.row_ids, pa.string()),
        pa.array([SPLIT] * rows, pa.string()),
        pa.array(answers.label_ids, pa.int32(), mask=answers.label_ids == OUTSIDE),
        logits,
    ]
    write_parquet(path, _SCHEMA, [pa.Table.from_arrays(columns, schema=_SCHEMA)])


def read_answers(path: Path, classes: int) -> ZeroShotAnswers:
    """Return the answers of one method.

    Args:
        path: The file.
        classes: Size of the label vocabulary.

    Raises:
        UserError: if the file is missing, broken or empty, or its labels are not those of the vocabulary.
    """
    table = read_parquet(path, _SCHEMA.names)
    label_ids = table["label_id"].fill_null(OUTSIDE).to_numpy().astype(np.int64)
    if not table.num_rows:
        raise broken_output(path, "has no rows")
    if label_ids.min() < OUTSIDE or label_ids.max() >= classes:
        raise broken_output(path, f"has a label_id outside of the {classes} classes")
    logits = None
    if not table["logits"].null_count:
        values = table["logits"].combine_chunks().flatten().to_numpy()
        if len(values) != table.num_rows * classes or not np.isfinite(values).all():
            raise broken_output(path, f"does not have {classes} finite logits in every row")
        logits = values.reshape(table.num_rows, classes)
    return ZeroShotAnswers(table["row_id"].to_pylist(), label_ids, logits)
