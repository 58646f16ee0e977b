"""Log-linear pooling, and its temperature by maximum likelihood."""

import numpy as np

from complaints.deciding.rule import log_softmax

SCALES = 0.05, 20.0
"""The smallest and the largest scale, the inverse of a temperature."""
ITERATIONS = 50
TOLERANCE = 1e-10
"""The change of the scale at which the search ends; scales are kept to 6 digits."""
CHUNK = 8192
"""Rows that are computed at once."""


def pool(weights: np.ndarray, log_probabilities: np.ndarray) -> np.ndarray:
    """Return log softmax(sum_m w_m log p_m), float64 [rows, classes].

    Args:
        weights: One weight for each part, [parts].
        log_probabilities: Log-probabilities of each part, [parts, rows, classes].
    """
    return log_softmax(np.tensordot(weights, log_probabilities, axes=1))


def fit_scale(log_probabilities: np.ndarray, true: np.ndarray) -> float:
    """Return the scale s in SCALES that minimises the mean of -log softmax(s log p)[true].

    It is the inverse of the temperature of Guo et al. (2017, "On calibration of modern neural networks"). The loss is
    convex in s; Newton's steps stay in an interval that holds the minimum, and are replaced by its middle otherwise.

    Args:
        log_probabilities: Log-probabilities, float64 [rows, classes].
        true: The true classes, int64 [rows].
    """
    low, high = SCALES
    if _slope(low, log_probabilities, true)[0] >= 0:
        return low
    if _slope(high, log_probabilities, true)[0] <= 0:
        return high
    scale = 1.0
    for _ in range(ITERATIONS):
        slope, curvature = _slope(scale, log_probabilities, true)
        low, high = (scale, high) if slope < 0 else (low, scale)
        step = scale - slope / curvature if curvature > 0 else low
        new = step if low < step < high else (low + high) / 2
        if abs(new - scale) < TOLERANCE:
            break
        scale = new
    return scale


def _slope(scale: float, log_probabilities: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Return the first and the second derivative of the mean loss: the means of E_p[L] - L[true] and of Var_p[L]."""
    first = second = 0.0
    for start in range(0, len(true), CHUNK):
        chunk, ids = log_probabilities[start : start + CHUNK], true[start : start + CHUNK]
        probabilities = np.exp(log_softmax(scale * chunk))
        means = (probabilities * chunk).sum(axis=1)
        first += float((means - chunk[np.arange(len(ids)), ids]).sum())
        second += float((probabilities * (chunk - means[:, None]) ** 2).sum())
    return first / len(true), second / len(true)
