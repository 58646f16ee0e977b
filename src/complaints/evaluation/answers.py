"""Answers on the held-out rows: the probabilities and labels of a model, with or without a decision rule."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from complaints.evaluation.row_values import log_softmax, probability_values, top_values


@dataclass(frozen=True)
class Answers:
    """The answers of a row of the scoreboard; mappings are by held-out split."""

    name: str
    model: str
    tau: float | None
    """Strength of the logit adjustment; None for a row without a decision rule."""
    log_probabilities: Mapping[str, np.ndarray]
    """Log-probabilities before the adjustment, calibrated if `temperature` is not 1, float [rows, classes]."""
    predicted: Mapping[str, np.ndarray]
    """Predicted class ids, int64 [rows]."""
    temperature: float = 1.0
    """Temperature by which log-probabilities were divided; 1 if they are as the model gave them."""

    def confidence(self, split: str) -> np.ndarray:
        """Return the probability of the predicted class, float64 [rows]."""
        return _confidence(self.log_probabilities[split], self.predicted[split])

    def uncalibrated(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return confidence, float64 [rows], and log-probabilities, [rows, classes], before temperature scaling."""
        log_probabilities = log_softmax(self.temperature * self.log_probabilities[split])
        return _confidence(log_probabilities, self.predicted[split]), log_probabilities

    def ranking(self, split: str, prior: np.ndarray) -> np.ndarray:
        """Return the scores by which classes are ranked, [rows, classes]: log-probabilities - tau x log prior.

        `prior` is the log prior of the classes, [classes].
        """
        return self.log_probabilities[split] - (self.tau or 0.0) * prior

    def row_values(self, split: str, true: np.ndarray, prior: np.ndarray) -> dict[str, np.ndarray]:
        """Return the metrics that are means over rows: name -> float64 [rows].

        Args:
            split: The held-out split.
            true: True class ids of its rows, int64 [rows].
            prior: The log prior of the classes, [classes].
        """
        top = top_values(self.ranking(split, prior), self.predicted[split], true)
        return top | probability_values(self.log_probabilities[split], true)


def _confidence(log_probabilities: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    own = np.take_along_axis(log_probabilities, predicted[:, None], axis=1)[:, 0]
    return np.exp(own.astype(np.float64))
