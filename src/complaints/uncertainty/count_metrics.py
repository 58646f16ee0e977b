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
    scale: np.ndarray
    """Factor on the deviations of each class in resamples, `deviation_scale`, [L]."""
    tiers: Sequence[str]
    """Tier of each class by its frequency in training: head, mid or tail."""


def deviation_scale(rows: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return the factor sqrt(n / (n - 1)) by which resamples vary too little in a class of n clusters, at most 2.

    Resamples of n independent values have a variance of (n - 1) / n times the unbiased one. That is nothing for a mean
    over all rows, but a mean over classes gives a class of two rows the weight of one of a thousand. The factor is that
    of the rescaling bootstrap (Rao & Wu 1988, section 2.2), with classes as strata. One cluster does not tell its
    variance: the factor of 2 is that of a class in which a single row out of few is right by chance.

    Args:
        rows: Rows of each class, [L].
        squares: Sum over clusters of the squared rows of each class, [L]. The number of clusters is Kish's effective
            one, rows^2 / squares: ten rows of which nine are duplicates are hardly two.
    """
    clusters = rows**2 / squares
    return np.sqrt(clusters / np.maximum(clusters - 1, clusters / 4))


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

    @property
    def recall(self) -> np.ndarray:
        """Recall = TP / support, [D, L]; 0 where a class does not occur."""
        return self.right / np.maximum(self.support, 1)


CountMetric = Callable[[Counts, Counts], np.ndarray]
"""A metric: counts of D resamples, and those of all rows [1, L] -> float64 [D]."""


def accuracy(counts: Counts, _: Counts) -> np.ndarray:
    """Return the share of rows whose predicted class is the true one, `sklearn.metrics.accuracy_score`."""
    return counts.right.sum(axis=1) / counts.support.sum(axis=1)


def weighted_f1(counts: Counts, _: Counts) -> np.ndarray:
    """Return the mean F1 weighted by support, `sklearn.metrics.f1_score(average="weighted")`."""
    return (counts.f1 * counts.support).sum(axis=1) / counts.support.sum(axis=1)


def balanced_accuracy(classes: ClassList) -> CountMetric:
    """Return the unweighted mean recall, `sklearn.metrics.balanced_accuracy_score` (Brodersen et al. 2010)."""
    return lambda counts, all_rows: _class_mean(counts.recall, all_rows.recall, classes.scale)


def macro_f1(classes: ClassList, chosen: np.ndarray) -> CountMetric:
    """Return the unweighted mean of the F1 of the chosen classes, bool [L] with at least one of them.

    This is the "averaged F1" of Opitz & Burst 2019 (arXiv 1911.03347), not the F1 of mean precision and mean recall,
    which can be higher by up to 0.5. It equals `sklearn.metrics.f1_score(average="macro", labels=chosen classes)`;
    without `labels`, scikit-learn also divides by the classes that are only predicted.
    """
    return lambda counts, all_rows: _class_mean(counts.f1[:, chosen], all_rows.f1[:, chosen], classes.scale[chosen])


def _class_mean(values: np.ndarray, of_all_rows: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the mean over classes of values [D, L] whose deviations from those of all rows [1, L] are scaled."""
    return (of_all_rows + scale * (values - of_all_rows)).mean(axis=1)


def count_metrics(classes: ClassList) -> Mapping[str, CountMetric]:
    """Return the metrics of a list of classes by name; a part of the list that has no class has no metric."""
    parts = {"macro_f1": classes.support > 0, "macro_f1_10": classes.support >= FREQUENT_ROWS}
    parts |= {f"macro_f1_{tier}": np.asarray(classes.tiers) == tier for tier in TIERS}
    return {
        "accuracy": accuracy,
        "weighted_f1": weighted_f1,
        "balanced_accuracy": balanced_accuracy(classes),
        **{name: macro_f1(classes, chosen) for name, chosen in parts.items() if chosen.any()},
    }
