"""Confident learning: rows whose given label is probably wrong, by a model that was not fitted to them.

The definitions are those of Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels" (JAIR 70). Two things differ from the paper: some classes are not judged, neither as given nor as true labels,
because a threshold that is the mean over a few rows says nothing; and a row whose given label is also the most
probable class is not listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_ROWS = 10
"""Classes with fewer rows are not judged."""


@dataclass(frozen=True)
class ConfidentJoint:
    """The rows counted by given label and the class that they are confidently in."""

    thresholds: np.ndarray
    """t_j, float64 [classes]: the mean probability of class j over the rows labelled j (equation 2); infinite for
    classes that are not judged."""
    confident: np.ndarray
    """int64 [rows]: the most probable class among those whose threshold the row reaches, -1 if there is none."""
    counts: np.ndarray
    """C, int64 [classes, classes]: rows of judged classes by given (first) and confident class (equation 1)."""


def judged_classes(given: np.ndarray, tiers: Sequence[str], least_rows: int = LEAST_ROWS) -> np.ndarray:
    """Return whether a class is judged, bool [classes]: head or mid, with at least `least_rows` rows in `given`."""
    rows = np.bincount(given, minlength=len(tiers))
    return (np.array(tiers) != "tail") & (rows >= max(least_rows, 1))


def confident_joint(probabilities: np.ndarray, given: np.ndarray, judged: np.ndarray) -> ConfidentJoint:
    """Return the confident joint of given labels and confident classes.

    Args:
        probabilities: float [rows, classes], of a model that did not see the rows' labels in training.
        given: The given class ids, int [rows].
        judged: bool [classes]; each judged class has at least one row.
    """
    classes = len(judged)
    self_confidence = probabilities[np.arange(len(given)), given]
    sums = np.bincount(given, weights=self_confidence, minlength=classes)
    thresholds = np.full(classes, np.inf)
    thresholds[judged] = sums[judged] / np.bincount(given, minlength=classes)[judged]
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    confident = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)
    counted = (confident >= 0) & judged[given]
    pairs = np.bincount(given[counted] * classes + confident[counted], minlength=classes**2)
    return ConfidentJoint(thresholds, confident, pairs.reshape(classes, classes))


def normalised_margin(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the probability of the given class minus the largest other one, [rows], from -1 (wrong) to 1 (right)."""
    others = probabilities.copy()
    others[np.arange(len(given)), given] = -np.inf
    return probabilities[np.arange(len(given)), given] - others.max(axis=1)


def likely_errors(
    probabilities: np.ndarray, given: np.ndarray, joint: ConfidentJoint, judged: np.ndarray
) -> np.ndarray:
    """Return the indices of likely wrong labels, int64, the smallest normalised margin first.

    They are the rows off the diagonal of the confident joint that the model does not assign to their given class.
    """
    margin = normalised_margin(probabilities, given)
    wrong = judged[given] & (joint.confident >= 0) & (joint.confident != given) & (margin < 0)
    found = np.flatnonzero(wrong)
    return found[np.argsort(margin[found], kind="stable")]
