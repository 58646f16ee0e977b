"""Samples of a split by whole clusters of near duplicates, and the validation complaints with a model's predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from complaints.core import paths
from complaints.core.errors import broken_output
from complaints.core.parquet import read_parquet
from complaints.scoring.predictions import read_predictions
from complaints.subsets.draws import draw

SAMPLE_KEY = "inspect"
"""Key of the draw: the sample depends on the names of the clusters and on this alone."""


def sample_rows(clusters: Sequence[str], most: int) -> np.ndarray:
    """Return the indices of at most `most` rows, ascending: whole clusters of near duplicates in the order of a draw.

    A cluster that is larger than the remaining room is left out. If all are larger than `most`, the first rows are
    taken.

    Args:
        clusters: The cluster of each row.
        most: Rows at most.
    """
    if len(clusters) <= most:
        return np.arange(len(clusters))
    names, index, sizes = np.unique(np.array(clusters), return_inverse=True, return_counts=True)
    taken, room = np.zeros(len(names), bool), most
    for cluster in np.argsort(draw(names.tolist(), SAMPLE_KEY), kind="stable"):
        if sizes[cluster] <= room:
            taken[cluster] = True
            room -= sizes[cluster]
    return np.flatnonzero(taken[index]) if taken.any() else np.arange(most)


@dataclass(frozen=True)
class HeldOut:
    """Complaints of validation, and a model's predictions of them as its stage wrote them."""

    row_ids: list[str]
    texts: list[str]
    clusters: list[str]
    """The cluster of near duplicates of each row."""
    labels: np.ndarray
    """Class ids in the data, int64 [rows]."""
    probabilities: np.ndarray
    """Softmax of the model's logits, without a decision rule, float64 [rows, classes]."""

    @property
    def predicted(self) -> np.ndarray:
        """Class ids with the highest probability, int64 [rows]."""
        return self.probabilities.argmax(1)

    def __len__(self) -> int:
        return len(self.row_ids)

    def take(self, rows: Sequence[int] | np.ndarray) -> "HeldOut":
        """Return the rows at these indices, in their order."""
        indices = np.asarray(rows, np.int64)
        row_ids, texts, clusters = (
            [column[row] for row in indices] for column in (self.row_ids, self.texts, self.clusters)
        )
        return HeldOut(row_ids, texts, clusters, self.labels[indices], self.probabilities[indices])

    def rows_of(self, row_ids: Sequence[str]) -> "HeldOut":
        """Return the rows with these ids, in their order.

        Raises:
            KeyError: if an id is not among them.
        """
        place = {row_id: index for index, row_id in enumerate(self.row_ids)}
        return self.take([place[row_id] for row_id in row_ids])


def read_held_out(name: str) -> HeldOut:
    """Return all complaints of validation with the predictions of a model.

    Args:
        name: An entry of `models:`, or `tfidf`.

    Raises:
        UserError: if a file is missing or broken, or the predictions are of other rows.
    """
    table = read_parquet(paths.SPLITS / "validation.parquet", ["row_id", "text", "label_id", "group"])
    path = paths.PREDICTIONS / f"{name}.parquet"
    row_ids, logits = read_predictions(path)["validation"]
    if row_ids != table["row_id"].to_pylist():
        raise broken_output(path, "has other rows of validation than data/splits")
    return HeldOut(
        row_ids,
        table["text"].to_pylist(),
        table["group"].to_pylist(),
        table["label_id"].to_numpy().astype(np.int64),
        softmax(logits.astype(np.float64), axis=1),
    )
