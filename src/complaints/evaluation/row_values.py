"""Metrics that are means over rows, as one value per row: top-k accuracy, negative log-likelihood and Brier score."""

import numpy as np

TOP = (3, 5)
"""The k of the top-k accuracies."""


def true_ranks(scores: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the rank of each row's true class, int64 [rows], 0 for the first.

    The predicted class is first; the others follow by their scores, equal ones by their ids.

    Args:
        scores: Scores of the classes, float [rows, classes].
        predicted: Predicted class ids, int [rows].
        true: True class ids, int [rows].
    """
    own = np.take_along_axis(scores, true[:, None], axis=1)
    before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < true[:, None]))
    np.put_along_axis(before, predicted[:, None], True, axis=1)
    return np.where(predicted == true, 0, before.sum(axis=1))


def top_values(scores: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Return whether the true class is among the first k, for each k of TOP: `top3_accuracy` and so on, 0 or 1 [rows].

    Their means are `sklearn.metrics.top_k_accuracy_score` where no scores are equal.
    """
    ranks = true_ranks(scores, predicted, true)
    return {f"top{k}_accuracy": (ranks < k).astype(np.float64) for k in TOP}


def probability_values(log_probabilities: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Return two proper scoring rules (Gneiting & Raftery 2007), float64 [rows]; lower is better.

    `nll` is the negative log-likelihood of the true class in nats, whose mean is `sklearn.metrics.log_loss`. `brier` is
    the sum over classes of (probability - 1 if the class is true, else 0)^2, from 0 to 2 (Brier 1950), whose mean is
    `sklearn.metrics.brier_score_loss(scale_by_half=False)`.

    Args:
        log_probabilities: Log-probabilities of the classes, float [rows, classes].
        true: True class ids, int [rows].
    """
    own = np.take_along_axis(log_probabilities, true[:, None], axis=1)[:, 0].astype(np.float64)
    squares = np.exp(2 * log_probabilities).sum(axis=1, dtype=np.float64)
    return {"nll": -own, "brier": squares - 2 * np.exp(own) + 1}
