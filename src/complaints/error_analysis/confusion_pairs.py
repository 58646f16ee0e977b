"""Confusion pairs: two classes and the errors between them in both directions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from complaints.uncertainty.count_metrics import TIERS


@dataclass(frozen=True)
class ConfusionPair:
    """Two classes and their confusions; those from `true` to `predicted` are at least as many as those back."""

    rank: int
    """Position among all pairs of the split, from 1."""
    true: int
    predicted: int
    rows: int
    """Rows of class `true` that are predicted as `predicted`."""
    share: float
    """Their share of all rows of class `true`."""
    rows_back: int
    share_back: float
    """Share of all rows of class `predicted` that are predicted as `true`, 0 if it has none."""
    share_of_errors: float
    """Share of both directions together among all errors."""
    tier: str
    """The tier of the rarer class."""


def confusion_pairs(true: np.ndarray, predicted: np.ndarray, tiers: Sequence[str], limit: int) -> list[ConfusionPair]:
    """Return the pairs with most confusions, first, in descending order: the `limit` strongest of all and of each tier.

    Args:
        true: True class ids, int [rows].
        predicted: Predicted class ids, int [rows].
        tiers: The tier of each class.
        limit: Number of pairs to keep.
    """
    classes = len(tiers)
    counts = np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)
    support = np.maximum(counts.sum(axis=1), 1)
    np.fill_diagonal(counts, 0)
    first, second = np.triu_indices(classes, k=1)
    total = counts[first, second] + counts[second, first]
    level = np.array([TIERS.index(tier) for tier in tiers])
    pair_level = np.maximum(level[first], level[second])
    order = np.argsort(-total, kind="stable")[: int(np.sum(total > 0))]
    kept = np.zeros(len(order), bool)
    kept[:limit] = True
    for value in range(len(TIERS)):
        kept[np.flatnonzero(pair_level[order] == value)[:limit]] = True
    errors = max(int(counts.sum()), 1)
    pairs = []
    for position in np.flatnonzero(kept).tolist():
        k = int(order[position])
        a, b = int(first[k]), int(second[k])
        a, b = (a, b) if counts[a, b] >= counts[b, a] else (b, a)
        pairs.append(
            ConfusionPair(
                rank=position + 1,
                true=a,
                predicted=b,
                rows=int(counts[a, b]),
                share=float(counts[a, b] / support[a]),
                rows_back=int(counts[b, a]),
                share_back=float(counts[b, a] / support[b]),
                share_of_errors=float(total[k] / errors),
                tier=TIERS[pair_level[k]],
            )
        )
    return pairs
