"""Ensemble selection: weights of models for the objective itself, by forward selection with replacement."""

import numpy as np

from complaints.deciding.objectives import choose, curve
from complaints.deciding.params import DecideParams
from complaints.deciding.pooling import pool

STEPS = 10
"""Weights are multiples of 1 / STEPS."""


def select_shares(
    log_probabilities: np.ndarray, true: np.ndarray, prior: np.ndarray, settings: DecideParams
) -> np.ndarray:
    """Return the share of each part, float64 [parts], which sum to 1.

    Each step adds the part that, with the best tau for it, serves the objective best; a part may be added again
    (Caruana et al. 2004, "Ensemble selection from libraries of models"), here over log-probabilities.

    Args:
        log_probabilities: Log-probabilities of each part, float64 [parts, rows, classes].
        true: The true classes, int64 [rows].
        prior: The log prior, [classes].
        settings: The objective and the candidates for tau.
    """
    parts = len(log_probabilities)
    if parts == 1:
        return np.ones(1)
    counts = np.zeros(parts)
    for _ in range(STEPS):
        points = []
        for part in range(parts):
            shares = counts + np.eye(parts)[part]
            points += curve(pool(shares / shares.sum(), log_probabilities), true, prior, settings.tau_grid)
        counts[choose(points, settings) // len(set(settings.tau_grid))] += 1
    return counts / counts.sum()
