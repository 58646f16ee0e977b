"""Selective classification: accuracy against coverage if complaints of low confidence go to a person."""

import math
from dataclasses import dataclass

import numpy as np

DECIMALS = 6
"""Thresholds are rounded down to this many decimals, so that a file repeats them exactly."""


@dataclass(frozen=True)
class Point:
    """The rows that a model answers itself: those with at least a confidence of `threshold`."""

    threshold: float
    coverage: float
    """Share of all rows that the model answers."""
    accuracy: float | None
    """Share of these that is right; None if there are none."""


def _risks(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the share of wrong rows among the k most confident ones, float64 [rows] for k = 1 to all.

    Rows of one confidence count as their mean: the expectation over their orders.
    """
    _, group = np.unique(confidence, return_inverse=True)
    wrong = np.bincount(group, ~right) / np.bincount(group)
    ordered = wrong[np.sort(group)[::-1]]
    return np.cumsum(ordered) / np.arange(1, len(ordered) + 1)


def aurc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the area under the risk-coverage curve: the mean share of errors over all coverages; lower is better.

    Geifman, Uziel & El-Yaniv 2019, "Bias-reduced uncertainty estimation for deep neural classifiers", section 2, with
    the 0/1 loss. It is 0 without errors, and the error rate if confidence says nothing about errors.

    Args:
        confidence: Probability of the predicted class, float [rows].
        right: Whether the predicted class is the true one, bool [rows].
    """
    return float(_risks(confidence, right).mean())


def accuracy_curve(confidence: np.ndarray, right: np.ndarray, points: int) -> list[Point]:
    """Return the accuracy of the most confident rows at the coverages 1 / points, 2 / points, ..., 1.

    A coverage means the nearest number of rows from above. Where a threshold divides rows of one confidence, their
    accuracy is that of their mean. Arguments are those of `aurc`.
    """
    risks, ordered = _risks(confidence, right), np.sort(confidence)[::-1]
    rows = len(ordered)
    answered = [math.ceil(rows * point / points) for point in range(1, points + 1)]
    return [Point(_floor(ordered[k - 1]), k / rows, float(1 - risks[k - 1])) for k in answered]


def at_threshold(confidence: np.ndarray, right: np.ndarray, threshold: float) -> Point:
    """Return coverage and accuracy at a threshold; arguments are those of `aurc`."""
    answered = confidence >= threshold
    return Point(threshold, float(answered.mean()), float(right[answered].mean()) if answered.any() else None)


def _floor(threshold: float) -> float:
    return math.floor(threshold * 10**DECIMALS) / 10**DECIMALS
