"""Post-hoc logit adjustment for class frequency (Menon et al. 2021)."""

from collections.abc import Sequence

import numpy as np

from complaints.scoring.metrics import class_scores, macro_f1


def adjust(logits: np.ndarray, prior: np.ndarray, tau: float) -> np.ndarray:
    """Return logits [rows, classes] minus `tau` times the log prior [classes].

    Menon et al. 2021, "Long-tail learning via logit adjustment": tau = 1 turns posterior scores into scores under
    balanced classes, tau = 0 changes nothing.
    """
    return logits - tau * prior


def choose_tau(logits: np.ndarray, true: np.ndarray, prior: np.ndarray, grid: Sequence[float]) -> float:
    """Return the tau of `grid` whose adjusted logits have the best macro-F1, the smallest among equals.

    Args:
        logits: Logits of validation rows, [rows, classes]; test rows would leak.
        true: Their class ids, int [rows].
        prior: Result of `log_prior`, [classes].
        grid: Candidates for tau.
    """

    def value(tau: float) -> float:
        return macro_f1(class_scores(true, adjust(logits, prior, tau).argmax(axis=1), logits.shape[1]))

    return max(sorted(grid), key=value)
