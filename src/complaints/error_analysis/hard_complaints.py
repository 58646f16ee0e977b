"""Hard complaints: those that no model gets right, and the errors that a model is most confident of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LISTED = 50
"""Number of complaints in each list."""


@dataclass(frozen=True)
class HardComplaint:
    """A misclassified row of a split; `index` is its position there."""

    index: int
    true: int
    predicted: int
    confidence: float
    """Probability of the predicted class."""
    p_true: float
    """Probability of the true class."""


def confident_errors(probabilities: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> list[HardComplaint]:
    """Return the LISTED errors with the highest probability of the predicted class, the most confident first.

    Args:
        probabilities: float [rows, classes].
        true: True class ids, int [rows].
        predicted: Predicted class ids, int [rows].
    """
    rows = np.arange(len(true))
    confidence = np.round(probabilities[rows, predicted], 6)
    wrong = np.flatnonzero(true != predicted)
    # Rounded values and a stable sort: the order does not depend on the last bits.
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:LISTED]
    return _complaints(order, true, predicted, confidence, probabilities[rows, true])


def hardest(models: Mapping[str, np.ndarray], true: np.ndarray) -> list[HardComplaint]:
    """Return the LISTED rows that no model gets right with the highest mean negative log-likelihood, hardest first.

    The predicted class is that of most models, the first in the order of `models` among equals; its confidence and the
    probability of the true class are means over the models (the latter geometric, as for the likelihood).

    Args:
        models: Log-probabilities of each model, float [rows, classes]; at least one.
        true: True class ids, int [rows].
    """
    rows = np.arange(len(true))
    answers = np.stack([values.argmax(axis=1) for values in models.values()])
    likelihood = np.stack([values[rows, true] for values in models.values()]).mean(axis=0)
    votes = np.sum(answers[:, None] == answers[None], axis=1)
    predicted = answers[votes.argmax(axis=0), rows]
    confidence = np.stack([np.exp(values[rows, predicted]) for values in models.values()]).mean(axis=0)
    missed = np.flatnonzero((answers != true).all(axis=0))
    order = missed[np.argsort(np.round(likelihood[missed], 6), kind="stable")][:LISTED]
    return _complaints(order, true, predicted, np.round(confidence, 6), np.exp(likelihood))


def _complaints(
    order: np.ndarray, true: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, p_true: np.ndarray
) -> list[HardComplaint]:
    return [
        HardComplaint(i, int(true[i]), int(predicted[i]), float(confidence[i]), round(float(p_true[i]), 6))
        for i in order.tolist()
    ]
