"""Classification metrics from rows per class."""

from dataclasses import dataclass

import numpy as np


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

    def select(self, chosen: np.ndarray) -> "ClassScores":
        """Return the scores of some classes, bool [classes]."""
        columns = (self.precision, self.recall, self.f1, self.support, self.predicted)
        return ClassScores(*(column[chosen] for column in columns))


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
    """Return the mean F1 over the classes that have rows.

    The list of classes depends on the rows alone, so that all models on the same rows are divided by the same number.
    The mean of the classes' F1 is meant, not the F1 of mean precision and mean recall (Opitz & Burst 2019,
    arXiv 1911.03347). This equals `sklearn.metrics.f1_score(average="macro", labels=classes with rows)`.
    """
    return float(scores.f1[scores.support > 0].mean())


def macro_f1_sklearn(scores: ClassScores) -> float:
    """Return the mean F1 over the classes that occur among true or predicted ones.

    This equals `sklearn.metrics.f1_score(average="macro", zero_division=0)`, the convention of most published figures:
    a class that is only predicted counts as 0, so two models can be divided by different numbers.
    """
    occurs = (scores.support > 0) | (scores.predicted > 0)
    return float(scores.f1[occurs].mean())


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
