"""Complaints fixed and broken: the rows on which one side is right and the other is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.comparing.compared_rows import ComparedRows
from complaints.core.csv_files import write_csv
from complaints.uncertainty.resampling import System


@dataclass(frozen=True)
class Flip:
    """A row that is right on one side only; a side of several systems answers as most of them do."""

    row_id: str
    text: str
    true: str
    a: str
    """The predicted label of side a."""
    b: str


@dataclass(frozen=True)
class Flips:
    """All rows that changed between right and wrong, in the order of the test set."""

    fixed: list[Flip]
    """Wrong on side a, right on side b."""
    broken: list[Flip]


def flips(test: ComparedRows, a: Sequence[System], b: Sequence[System]) -> Flips:
    """Return the rows on which one side is right and the other is wrong."""
    left, right = (_majority([system.predicted for system in side], test.rows.classes) for side in (a, b))
    true = test.rows.true

    def listed(chosen: np.ndarray) -> list[Flip]:
        names = test.labels
        return [
            Flip(test.row_ids[i], test.texts[i], names[true[i]], names[left[i]], names[right[i]])
            for i in np.flatnonzero(chosen)
        ]

    return Flips(listed((left != true) & (right == true)), listed((left == true) & (right != true)))


def _majority(predicted: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """Return the class that most systems predict, the smaller id among equals, int64 [rows]."""
    if len(predicted) == 1:
        return predicted[0]
    votes = np.zeros((len(predicted[0]), classes), dtype=np.int64)
    for of_system in predicted:
        votes[np.arange(len(votes)), of_system] += 1
    return votes.argmax(axis=1)


def write_ids(path: Path, pairs: Sequence[tuple[str, str, Flips]]) -> None:
    """Write all fixed and broken rows as CSV: columns a, b, change, row_id, true, predicted_a, predicted_b."""
    write_csv(
        path,
        ["a", "b", "change", "row_id", "true", "predicted_a", "predicted_b"],
        (
            [a, b, change, flip.row_id, flip.true, flip.a, flip.b]
            for a, b, found in pairs
            for change, rows in (("fixed", found.fixed), ("broken", found.broken))
            for flip in rows
        ),
    )
