"""Learning curves on disk: labels of the held-out rows, predicted by models of fractions of the training rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.core.errors import broken_output
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import HELD_OUT

SCHEMA = pa.schema(
    [
        pa.field("fraction", pa.float64(), nullable=False),
        pa.field("train_rows", pa.int32(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("label_id", pa.int32(), nullable=False),
    ]
)
"""One row for each fraction and held-out row, in the order of the split files; `label_id` is predicted."""


@dataclass(frozen=True)
class CurvePoint:
    """The predictions of a model that was trained on a fraction of the training rows."""

    fraction: float
    train_rows: int
    predicted: Mapping[str, np.ndarray]
    """For each held-out split, class ids, int64 [rows]."""


def write_learning_curve(path: str | Path, row_ids: Mapping[str, list[str]], points: Sequence[CurvePoint]) -> None:
    """Write the points of a learning curve.

    Args:
        path: The Parquet file to write or replace.
        row_ids: Row ids of each held-out split, in the order of its file.
        points: The points; without any, the file has no rows.
    """

    def tables() -> Iterator[pa.Table]:
        for point in points:
            for split in HELD_OUT:
                size = len(row_ids[split])
                columns = [
                    pa.array([point.fraction] * size, pa.float64()),
                    pa.array([point.train_rows] * size, pa.int32()),
                    pa.array([split] * size, pa.string()),
                    pa.array(row_ids[split], pa.string()),
                    pa.array(point.predicted[split].astype(np.int32)),
                ]
                yield pa.Table.from_arrays(columns, schema=SCHEMA)

    write_parquet(path, SCHEMA, tables())


def read_learning_curve(path: str | Path, row_ids: Mapping[str, Sequence[str]]) -> list[CurvePoint]:
    """Return the points of a learning curve by ascending fraction, none if the file has no rows.

    Args:
        path: The file of `write_learning_curve`.
        row_ids: Row ids of each held-out split that the predictions must be for.

    Raises:
        UserError: if the file is missing or broken, or predicts other rows.
    """
    table = read_parquet(path)
    fractions, sizes = (table[name].to_numpy() for name in ("fraction", "train_rows"))
    splits, ids = (np.array(table[name].to_pylist(), dtype=object) for name in ("split", "row_id"))
    labels = table["label_id"].to_numpy().astype(np.int64)
    points = []
    for fraction in np.unique(fractions):
        here = {split: np.flatnonzero((fractions == fraction) & (splits == split)) for split in HELD_OUT}
        if any(ids[here[split]].tolist() != list(row_ids[split]) for split in HELD_OUT):
            raise broken_output(path, f"has other rows at fraction {fraction:g} than the held-out splits")
        rows = int(sizes[fractions == fraction][0])
        points.append(CurvePoint(float(fraction), rows, {split: labels[here[split]] for split in HELD_OUT}))
    return points
