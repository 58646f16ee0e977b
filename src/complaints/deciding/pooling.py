"""Log-linear pooling: weights of models that maximise the likelihood of the true classes."""

import numpy as np
from scipy.optimize import nnls

from complaints.deciding.rule import log_softmax

RIDGE = 1e-6
"""Coefficient of the penalty on squared weights: equal models have equal weights, and separable rows finite ones."""
ITERATIONS = 100
TOLERANCE = 1e-10
"""The largest change of a weight at which the search ends; weights are kept to 6 digits."""
CHUNK = 8192
"""Rows that are computed at once."""


def pool(weights: np.ndarray, log_probabilities: np.ndarray) -> np.ndarray:
    """Return log softmax(sum_m w_m log p_m), float64 [rows, classes].

    Args:
        weights: One weight for each part, [parts].
        log_probabilities: Log-probabilities of each part, [parts, rows, classes].
    """
    return log_softmax(np.tensordot(weights, log_probabilities, axes=1))


def fit_weights(log_probabilities: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the weights w >= 0 that minimise the mean of -log softmax(sum_m w_m log p_m)[true], float64 [parts].

    The function is convex, since it is the log-likelihood of a linear model; with one part the weight is the inverse of
    the temperature of Guo et al. (2017, "On calibration of modern neural networks"). The search is Newton's with
    non-negative least squares as its step, and halves a step that does not descend enough (Armijo's rule).

    Args:
        log_probabilities: Log-probabilities of each part, float64 [parts, rows, classes].
        true: The true classes, int64 [rows].
    """
    weights = np.full(len(log_probabilities), 1 / len(log_probabilities))
    value, gradient, hessian = _derivatives(weights, log_probabilities, true)
    for _ in range(ITERATIONS):
        factor = np.linalg.cholesky(hessian)
        target, _ = nnls(factor.T, factor.T @ weights - np.linalg.solve(factor, gradient))
        step = target - weights
        if np.abs(step).max() < TOLERANCE:
            break
        slope, length = float(gradient @ step), 1.0
        while True:
            candidate = weights + length * step
            new = _derivatives(candidate, log_probabilities, true)
            if new[0] <= value + 1e-4 * length * slope or length < 1e-6:
                break
            length /= 2
        weights, (value, gradient, hessian) = candidate, new
    return weights


def _derivatives(
    weights: np.ndarray, log_probabilities: np.ndarray, true: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the penalised mean loss, its gradient [parts] and its Hessian [parts, parts].

    Per row the gradient is E_p[L] - L[true] and the Hessian is Cov_p[L], for the vector L of the parts' log p.
    """
    parts, rows = log_probabilities.shape[:2]
    value, gradient, hessian = 0.0, np.zeros(parts), np.zeros((parts, parts))
    for start in range(0, rows, CHUNK):
        chunk, ids = log_probabilities[:, start : start + CHUNK], true[start : start + CHUNK]
        pooled = pool(weights, chunk)
        at_true = np.arange(len(ids)), ids
        value -= pooled[at_true].sum()
        probabilities = np.exp(pooled)
        means = (probabilities * chunk).sum(axis=2)
        gradient += (means - chunk[:, *at_true]).sum(axis=1)
        centred = chunk - means[:, :, None]
        flat = centred.reshape(parts, -1)
        hessian += (flat * probabilities.reshape(-1)) @ flat.T
    ridge = RIDGE * rows
    return (
        (value + ridge / 2 * float(weights @ weights)) / rows,
        (gradient + ridge * weights) / rows,
        (hessian + ridge * np.eye(parts)) / rows,
    )
