"""Predictions whose rows are those of the splits, in their order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from complaints.core.errors import UserError, broken_output


def aligned(
    path: Path,
    found: Mapping[str, tuple[Sequence[str], np.ndarray]],
    row_ids: Mapping[str, Sequence[str]],
    classes: int,
) -> dict[str, np.ndarray]:
    """Return the logits of each split of `row_ids`, float32 [rows, classes].

    Args:
        path: The predictions file, for the message.
        found: Row ids and logits of each split in it.
        row_ids: Row ids of each wanted split, in the order of its file.
        classes: Size of the label vocabulary.

    Raises:
        UserError: if the rows differ from those of a split or have another order, the number of classes is another, or
            a logit is not finite.
    """
    logits = {}
    for split, expected in row_ids.items():
        ids, values = found[split]
        problem = _mismatch(split, ids, expected)
        if not problem and values.shape[1] != classes:
            problem = f"has {values.shape[1]} classes, the vocabulary has {classes}"
        if problem:
            raise broken_output(path, problem)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise UserError(
                f"{path} has a logit that is not finite in {split} row {ids[int(np.argmin(finite))]!r}; the model "
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
