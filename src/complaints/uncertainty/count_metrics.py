"""Metrics that are functions of counts per class, for many resamples of the same rows at once.

All of them are means over one fixed list of classes, those with rows in the test set: two systems are then divided by
the same number, and so are all resamples. A class that is predicted without having a row is not on the list; rows that
are wrongly predicted as such a class count as missed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FREQUENT_ROWS = 10
"""Test rows from which on a class is in `macro_f1_10`: F1 of a class with one to three rows takes few values."""
TIERS = ("head", "mid", "tail")


@dataclass(frozen=True)
class ClassList:
    """The L classes of a comparison, those with rows in the test set."""

    support: np.ndarray
    """Rows of each class in the complete test set, [L]."""
    tiers: Sequence[str]
    """Tier of each class by its frequency in training: head, mid or tail."""


@dataclass(frozen=True)
class Counts:
    """Rows of each class in each of D resamples, whole numbers as float64 [D, L]."""

    right: np.ndarray
    """Rows of the class that are predicted as it (true positives)."""
    support: np.ndarray
    """Rows of the class."""
    predicted: np.ndarray
    """Rows that are predicted as the class."""

    @property
    def f1(self) -> np.ndarray:
        """F1 = 2 TP / (2 TP + FP + FN) = 2 TP / (support + predicted), [D, L]; 0 where a class does not occur."""
        return 2 * self.right / np.maximum(self.support + self.predicted, 1)


CountMetric = Callable[[Counts], np.ndarray]
"""A metric: counts of D resamples -> float64 [D]."""


def accuracy(counts: Counts) -> np.ndarray:
    """Return the share of rows whose predicted class is the true one, `sklearn.metrics.accuracy_score`."""
    return counts.right.sum(axis=1) / counts.support.sum(axis=1)


def macro_f1(counts: Counts) -> np.ndarray:
    """Return the unweighted mean of the F1 of all listed classes.

    This is the "averaged F1" of Opitz & Burst 2019 (arXiv 1911.03347), not the F1 of mean precision and mean recall,
    which can be higher by up to 0.5. It equals `sklearn.metrics.f1_score(average="macro", labels=classes with rows)`;
    without `labels`, scikit-learn also divides by the classes that are only predicted.
    """
    return counts.f1.mean(axis=1)


def weighted_f1(counts: Counts) -> np.ndarray:
    """Return the mean F1 weighted by support, `sklearn.metrics.f1_score(average="weighted")`."""
    return (counts.f1 * counts.support).sum(axis=1) / counts.support.sum(axis=1)


def balanced_accuracy(counts: Counts) -> np.ndarray:
    """Return the unweighted mean recall, `sklearn.metrics.balanced_accuracy_score` (Brodersen et al. 2010)."""
    return (counts.right / np.maximum(counts.support, 1)).mean(axis=1)


def macro_f1_over(chosen: np.ndarray) -> CountMetric:
    """Return macro-F1 over a part of the listed classes, bool [L] with at least one of them."""
    return lambda counts: counts.f1[:, chosen].mean(axis=1)


def count_metrics(classes: ClassList) -> Mapping[str, CountMetric]:
    """Return the metrics of a list of classes by name; a part of the list that has no class has no metric."""
    parts = {"macro_f1_10": classes.support >= FREQUENT_ROWS}
    parts |= {f"macro_f1_{tier}": np.asarray(classes.tiers) == tier for tier in TIERS}
    return {
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "weighted_f1": weighted_f1,
        "balanced_accuracy": balanced_accuracy,
        **{name: macro_f1_over(chosen) for name, chosen in parts.items() if chosen.any()},
    }
