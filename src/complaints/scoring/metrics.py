"""Classification metrics and their standard errors."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 200
"""Number of bootstrap resamples."""
SEED = 13
"""Seed of the bootstrap."""


@dataclass(frozen=True)
class ClassScores:
    """Scores per class, all arrays [classes]; a ratio with denominator zero is 0."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    """int64: rows of each true class."""
    predicted: np.ndarray
    """int64: rows of each predicted class."""


def class_scores(true: np.ndarray, predicted: np.ndarray, classes: int) -> ClassScores:
    """Return the scores per class of predicted against true class ids, both int [rows] in [0, classes).

    Raises:
        ValueError: if the two differ in length, are empty, or contain an id outside [0, classes).
    """
    if len(true) != len(predicted) or len(true) == 0:
        raise ValueError(f"{len(true)} true and {len(predicted)} predicted classes; must be equal and above 0")
    if min(true.min(), predicted.min()) < 0 or max(true.max(), predicted.max()) >= classes:
        raise ValueError(f"a class id is outside [0, {classes})")
    hits = np.bincount(true[true == predicted], minlength=classes)
    support = np.bincount(true, minlength=classes)
    chosen = np.bincount(predicted, minlength=classes)
    return ClassScores(
        precision=hits / np.maximum(chosen, 1),
        recall=hits / np.maximum(support, 1),
        f1=_f1(hits, support, chosen),
        support=support,
        predicted=chosen,
    )


def _f1(hits: np.ndarray, support: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return F1 = 2 TP / (2 TP + FP + FN) = 2 TP / (support + predicted), 0 for classes that do not occur."""
    return 2 * hits / np.maximum(support + chosen, 1)


def accuracy(true: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of rows whose predicted class equals the true one, both int [rows]."""
    return float(np.mean(true == predicted))


def macro_f1(scores: ClassScores) -> float:
    """Return the mean F1 over the classes that occur among true or predicted ones.

    This equals `sklearn.metrics.f1_score(average="macro", zero_division=0)`, the convention of the published figures:
    a class that is neither true nor predicted in any row is left out; a class that is only predicted counts as 0.
    """
    return float(scores.f1[(scores.support > 0) | (scores.predicted > 0)].mean())


def weighted_f1(scores: ClassScores) -> float:
    """Return the mean F1 weighted by support, `sklearn.metrics.f1_score(average="weighted", zero_division=0)`."""
    return float(np.average(scores.f1, weights=scores.support))


def zero_f1_classes(scores: ClassScores) -> int:
    """Return the number of classes with at least one true row and F1 = 0.

    Classes without a true row are counted by `absent_classes`: no model can score above 0 on them.
    """
    return int(np.sum((scores.support > 0) & (scores.f1 == 0)))


def absent_classes(scores: ClassScores) -> int:
    """Return the number of classes of the vocabulary without a true row."""
    return int(np.sum(scores.support == 0))


def rescued_classes(scores: ClassScores, reference: ClassScores) -> int:
    """Return the number of classes with F1 > 0 here and F1 = 0 under `reference`, both on the same rows."""
    return int(np.sum((scores.f1 > 0) & (reference.f1 == 0)))


def accuracy_error(share: float, rows: int) -> float:
    """Return the standard error of an accuracy p over n rows: half the width of its Wilson score interval at z = 1.

    The formula is sqrt(p (1 - p) / n + 1 / (4 n^2)) / (1 + 1 / n) (Wilson 1927). Unlike sqrt(p (1 - p) / n), it is
    above 0 for p = 0 and p = 1.
    """
    return float(np.sqrt(share * (1 - share) / rows + 1 / (4 * rows**2)) / (1 + 1 / rows))


def macro_f1_error(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Return the standard error of macro-F1: its standard deviation over RESAMPLES seeded bootstrap samples of rows.

    Where every row is right, or every row wrong, all samples have the same macro-F1, and a standard deviation of 0
    would claim certainty. There macro-F1 equals the accuracy, and so does the error.

    Macro-F1 depends on the rows only through the counts of (true, predicted) pairs, so drawing n rows with replacement
    is one multinomial draw over the pairs that occur.

    Args:
        true: True class ids, int [rows].
        predicted: Predicted class ids, int [rows].
        classes: Size of the label vocabulary.
    """
    if (share := accuracy(true, predicted)) in (0.0, 1.0):
        return accuracy_error(share, len(true))
    pairs, counts = np.unique(true.astype(np.int64) * classes + predicted, return_counts=True)
    rows, columns = np.divmod(pairs, classes)
    generator = np.random.default_rng(SEED)
    drawn = generator.multinomial(len(true), counts / len(true), size=RESAMPLES).astype(np.float64)
    support = drawn @ (rows[:, None] == np.arange(classes))
    chosen = drawn @ (columns[:, None] == np.arange(classes))
    right = rows == columns
    hits = drawn[:, right] @ (rows[right, None] == np.arange(classes))
    occurs = (support > 0) | (chosen > 0)
    # F1 of a class that does not occur is 0, so the sum needs no mask.
    return float(np.std(_f1(hits, support, chosen).sum(axis=1) / occurs.sum(axis=1), ddof=1))
