"""Answers on the held-out rows: the probabilities and labels of a model, with or without a decision rule."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from complaints.deciding.rule import DecisionRule, log_softmax
from complaints.evaluation.row_values import probability_values, top_values
from complaints.scoring.logit_adjustment import adjust


@dataclass(frozen=True)
class Answers:
    """The answers of a row of the scoreboard; mappings are by held-out split."""

    name: str
    model: str
    rule: DecisionRule | None
    """None: the label has the highest logit."""
    log_probabilities: Mapping[str, np.ndarray]
    """Log-probabilities without the adjustment for class frequency, calibrated by the rule, float [rows, classes]."""
    predicted: Mapping[str, np.ndarray]
    """Predicted class ids, int64 [rows]."""

    def confidence(self, split: str) -> np.ndarray:
        """Return the probability of the predicted class, float64 [rows]."""
        return _confidence(self.log_probabilities[split], self.predicted[split])

    def uncalibrated(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return confidence, float64 [rows], and log-probabilities, [rows, classes], before temperature scaling."""
        if self.rule is None:
            return self.confidence(split), self.log_probabilities[split]
        log_probabilities = log_softmax(self.rule.temperature * self.log_probabilities[split])
        return _confidence(log_probabilities, self.predicted[split]), log_probabilities

    def ranking(self, split: str) -> np.ndarray:
        """Return the scores by which classes are ranked, [rows, classes]: adjusted for class frequency by the rule."""
        scores = self.log_probabilities[split]
        return scores if self.rule is None else adjust(scores, self.rule.log_prior, self.rule.tau)

    def row_values(self, split: str, true: np.ndarray) -> dict[str, np.ndarray]:
        """Return the metrics that are means over rows: name -> float64 [rows].

        Args:
            split: The held-out split.
            true: True class ids of its rows, int64 [rows].
        """
        top = top_values(self.ranking(split), self.predicted[split], true)
        return top | probability_values(self.log_probabilities[split], true)


def _confidence(log_probabilities: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return np.exp(np.take_along_axis(log_probabilities, predicted[:, None], axis=1)[:, 0].astype(np.float64))
