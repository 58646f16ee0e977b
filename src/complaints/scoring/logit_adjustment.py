"""Post-hoc logit adjustment for class frequency (Menon et al. 2021)."""

from collections.abc import Sequence

import numpy as np

from complaints.scoring.metrics import class_scores, macro_f1


def log_prior(label_ids: np.ndarray, classes: int) -> np.ndarray:
    """Return the log share of each class among training labels, float64 [classes], with add-one smoothing."""
    counts = np.bincount(label_ids, minlength=classes) + 1
    return np.log(counts / counts.sum())


def adjust(logits: np.ndarray, prior: np.ndarray, tau: float) -> np.ndarray:
    """Return logits [rows, classes] minus `tau` times the log prior [classes].

    Post-hoc logit adjustment of Menon et al. 2021, "Long-tail learning via logit adjustment": tau = 1 turns
    posterior scores into those of balanced classes, tau = 0 changes nothing.
    """
    return logits - tau * prior


def choose_tau(logits: np.ndarray, true: np.ndarray, prior: np.ndarray, grid: Sequence[float]) -> float:
    """Return the tau of `grid` whose adjusted logits have the best macro-F1; of equals the smallest.

    Give it validation rows only. Logits are [rows, classes], `true` is int [rows], `prior` as from `log_prior`.
    """

    def value(tau: float) -> float:
        return macro_f1(class_scores(true, adjust(logits, prior, tau).argmax(axis=1), logits.shape[1]))

    return max(sorted(grid), key=value)
