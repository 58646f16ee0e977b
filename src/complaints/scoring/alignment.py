"""Predictions whose rows are those of the splits, in their order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from complaints.core.errors import UserError, broken_output
from complaints.scoring.predictions import read_predictions


def read_aligned(path: Path, row_ids: Mapping[str, Sequence[str]], classes: int) -> dict[str, np.ndarray]:
    """Return the logits of a predictions file, float32 [rows, classes] for each split of `row_ids`.

    Args:
        path: The predictions file.
        row_ids: The row ids of each split that is wanted, in the order of its file.
        classes: Size of the label vocabulary.

    Raises:
        UserError: if its rows differ from those of a split or have another order, its number of classes is another, or
            a logit is not finite.
    """
    logits = {}
    for split, (found, values) in read_predictions(path, tuple(row_ids)).items():
        problem = _mismatch(split, found, row_ids[split])
        if not problem and values.shape[1] != classes:
            problem = f"has {values.shape[1]} classes, the vocabulary has {classes}"
        if problem:
            raise broken_output(path, problem)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise UserError(
                f"{path} has a logit that is not finite in {split} row {found[int(np.argmin(finite))]!r}; the model "
                "may have diverged: lower its learning rate in params.yaml"
            )
        logits[split] = values
    return logits


def _mismatch(split: str, row_ids: Sequence[str], expected: Sequence[str]) -> str:
    """Return the first difference between the rows of a predictions file and those of a split, "" for none."""
    for index, (found, wanted) in enumerate(zip(row_ids, expected, strict=False), 1):
        if found != wanted:
            return f"has row {found!r} where the {split} split has {wanted!r} (row {index})"
    if len(row_ids) != len(expected):
        return f"has {len(row_ids)} {split} rows, the split has {len(expected)}"
    return ""
