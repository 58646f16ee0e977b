"""Class prior: the smoothed frequencies of classes in training."""

import numpy as np


def log_prior(label_ids: np.ndarray, classes: int) -> np.ndarray:
    """Return the log frequency of each class in training, float64 [classes], with add-one smoothing.

    Smoothing keeps a class without training rows finite.

    Args:
        label_ids: Class ids of the training rows, int [rows], in [0, classes).
        classes: Size of the label vocabulary.
    """
    return log_prior_of_counts(np.bincount(label_ids, minlength=classes))


def log_prior_of_counts(counts: np.ndarray) -> np.ndarray:
    """Return the log frequency of each class, float64 [classes], from its training rows, int [classes]."""
    smoothed = counts + 1
    return np.log(smoothed / smoothed.sum())
