"""Objectives of decision rules: the trade-off curve over the strength of the adjustment, and the choice on it."""

from collections.abc import Sequence

import numpy as np

from complaints.deciding.params import DecideParams
from complaints.deciding.rule import Point, Threshold
from complaints.scoring import metrics
from complaints.scoring.logit_adjustment import adjust

FEWEST_ANSWERS = 30
"""An accuracy over fewer answered rows says too little for a threshold."""


def macro_f1(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Return the mean F1 over the classes that have rows: one list of classes, whatever is predicted."""
    scores = metrics.class_scores(true, predicted, classes)
    return float(scores.f1[scores.support > 0].mean())


def curve(log_probabilities: np.ndarray, true: np.ndarray, prior: np.ndarray, grid: Sequence[float]) -> list[Point]:
    """Return accuracy and macro-F1, to 6 digits, under each tau of the grid, in ascending order.

    Args:
        log_probabilities: Calibrated, [rows, classes].
        true: The true classes, int64 [rows].
        prior: The log prior, [classes].
        grid: The candidates for tau.
    """
    points = []
    for tau in sorted(set(grid)):
        predicted = adjust(log_probabilities, prior, tau).argmax(axis=1)
        accuracy, f1 = metrics.accuracy(true, predicted), macro_f1(true, predicted, len(prior))
        points.append(Point(tau=tau, accuracy=round(accuracy, 6), macro_f1=round(f1, 6)))
    return points


def choose(points: Sequence[Point], settings: DecideParams) -> int:
    """Return the index of the point with the best objective, the first among equals.

    `macro_f1_within` takes the best macro-F1 among the points whose accuracy is at most `max_accuracy_loss` below the
    best one.
    """
    if settings.objective == "accuracy":
        return max(range(len(points)), key=lambda index: points[index].accuracy)
    least = 0.0
    if settings.objective == "macro_f1_within":
        least = max(point.accuracy for point in points) - settings.max_accuracy_loss - 1e-9
    allowed = [index for index, point in enumerate(points) if point.accuracy >= least]
    return max(allowed, key=lambda index: points[index].macro_f1)


def thresholds(confidence: np.ndarray, right: np.ndarray, wanted: Sequence[float]) -> list[Threshold]:
    """Return the lowest confidence from which the answers have each wanted accuracy (El-Yaniv and Wiener 2010).

    Args:
        confidence: Confidence of each row, float64 [rows].
        right: Whether its label is the true one, bool [rows].
        wanted: The accuracies.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    answered = np.arange(1, len(order) + 1)
    accuracy = np.cumsum(right[order]) / answered
    # Rows of equal confidence are answered together.
    is_cut = np.append(ordered[1:] < ordered[:-1], True) & (answered >= FEWEST_ANSWERS)
    found = []
    for share in sorted(set(wanted)):
        cuts = np.flatnonzero(is_cut & (accuracy >= share))
        if not len(cuts):
            found.append(Threshold(accuracy=share, confidence=None, coverage=None))
            continue
        lowest = float(np.floor(ordered[cuts[-1]] * 1e6) / 1e6)
        coverage = round(int(answered[cuts[-1]]) / len(order), 6)
        found.append(Threshold(accuracy=share, confidence=lowest, coverage=coverage))
    return found
