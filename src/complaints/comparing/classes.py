"""Classes won and lost: the difference in F1 of each class, and whether it is beyond noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse, stats

from complaints.uncertainty.paired import LEVEL, Difference, differences, holm, judge
from complaints.uncertainty.resampling import Rows, System, class_f1


@dataclass(frozen=True)
class ClassChange:
    """The difference in F1 of one class."""

    class_id: int
    support: int
    """Rows of the class in the test set."""
    difference: Difference
    """Side b minus side a; its p-value is Holm's over all classes."""
    beyond_noise: bool


def class_changes(rows: Rows, a: Sequence[System], b: Sequence[System], resamples: int, seed: int) -> list[ClassChange]:
    """Return the change of each class with test rows, the surest gain first and the surest loss last.

    The bootstrap's error of a class with few rows is too small where all of them changed at once. So the p-value of a
    class is the larger one of the bootstrap's and an exact sign test's (`_sign_tests`), with Holm's correction over all
    classes.

    Args:
        rows: The test rows.
        a: The systems of the first side.
        b: The systems of the second side.
        resamples: Number of resamples of clusters.
        seed: Seed of the resamples.
    """
    support = np.bincount(rows.true, minlength=rows.classes)
    listed = np.flatnonzero(support)
    names = [str(label) for label in listed]
    scores = [
        dict(zip(names, f1, strict=True))
        for f1 in class_f1(rows, {str(number): one for number, one in enumerate((*a, *b))}, resamples, seed).values()
    ]
    found = differences(len(rows.true), scores[: len(a)], scores[len(a) :])
    p_values = np.maximum([found[name].p for name in names], _sign_tests(rows, a, b)[listed])
    changes = []
    for label, p in zip(listed.tolist(), holm(p_values).tolist(), strict=True):
        one = found[str(label)]
        low, high = max(one.low, -1.0), min(one.high, 1.0)
        difference = replace(one, metric="f1", low=low, high=high, p=p, better=judge("f1", one.value, p))
        changes.append(ClassChange(label, int(support[label]), difference, p < LEVEL))
    return sorted(changes, key=lambda change: (-_certainty(change.difference), change.class_id))


def _certainty(one: Difference) -> float:
    """Return the difference in standard errors."""
    return one.value / one.error if one.error else 0.0


def _sign_tests(rows: Rows, a: Sequence[System], b: Sequence[System]) -> np.ndarray:
    """Return the p-value of an exact sign test for each class, float64 [classes].

    A row speaks for side b on a class if b is right about "is it this class?" where a is wrong, against it in the
    reverse case; a side of several systems has the mean of their votes. The rows of a cluster have one vote, the sign
    of their sum. If both sides were equal, each vote would be as likely for as against.
    """
    sums = sparse.csr_array((rows.classes, int(rows.clusters.max()) + 1))
    for sign, side in ((-1.0, a), (1.0, b)):
        for system in side:
            vote = sign * np.where(system.predicted == rows.true, 1.0, -1.0) / len(side)
            sums = sums + sparse.coo_array((vote, (system.predicted, rows.clusters)), shape=sums.shape).tocsr()
    # Sums of fractions of equal votes may differ from 0 by rounding.
    votes = np.sign(np.round(sums.toarray(), 9))
    wins, losses = (votes > 0).sum(axis=1), (votes < 0).sum(axis=1)
    return np.array(
        [
            stats.binomtest(int(won), int(won + lost)).pvalue if won + lost else 1.0
            for won, lost in zip(wins, losses, strict=True)
        ]
    )
