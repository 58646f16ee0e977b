"""Vote of the nearest training texts: class probabilities, interpolated with the class prior.

p(c | x) = (1 - s) sum_i w_i [y_i = c] + s prior(c), with w_i proportional to exp(cos(x, x_i) / T) over the k nearest
texts (Khandelwal et al. 2020, "Generalization through memorization: nearest neighbor language models", equations 2 and
3, with the class prior in place of the language model).
"""

from dataclasses import dataclass

import numpy as np

from complaints.neighbours.search import Nearest
from complaints.scoring.class_prior import log_prior


@dataclass(frozen=True, order=True)
class Vote:
    """The values of one vote."""

    neighbours: int
    """k, the number of texts that vote; all texts where there are fewer."""
    temperature: float
    """T: with a small one the nearest text decides, with a large one all k count the same."""
    smoothing: float
    """s, the share of the class prior; it keeps log-probabilities finite."""


def weights(cosines: np.ndarray, vote: Vote) -> np.ndarray:
    """Return the weights of the neighbours, float64 [queries, k], which sum to 1.

    Args:
        cosines: Cosines of the neighbours in descending order, float64 [queries, k or more].
        vote: The values.
    """
    kept = cosines[:, : vote.neighbours]
    exponentials = np.exp((kept - kept[:, :1]) / vote.temperature)
    result: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def log_probabilities(found: Nearest, label_ids: np.ndarray, classes: int, vote: Vote) -> np.ndarray:
    """Return log-probabilities of the classes, float64 [queries, classes].

    Args:
        found: The neighbours of each query.
        label_ids: Class ids of the rows that were searched, int [rows].
        classes: Size of the label vocabulary.
        vote: The values.
    """
    shares = np.zeros((len(found.rows), classes))
    voters = label_ids[found.rows[:, : vote.neighbours]]
    np.add.at(shares, (np.arange(len(shares))[:, None], voters), weights(found.cosines, vote))
    prior = np.exp(log_prior(label_ids, classes))
    result: np.ndarray = np.log((1 - vote.smoothing) * shares + vote.smoothing * prior)
    return result
