"""Calibration of confidences: whether answers given with 80 % confidence are right 80 % of the time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 15
"""Number of bins, that of Guo et al. 2017."""


@dataclass(frozen=True)
class Bin:
    """The rows whose confidence is above `low` and at most `high`."""

    low: float
    high: float
    rows: int
    confidence: float
    """Their mean confidence; 0 without rows."""
    accuracy: float
    """The share of them that is right; 0 without rows."""


def equal_width_bins(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Return the bins (k / bins, (k + 1) / bins] of a reliability diagram (Guo et al. 2017, section 2).

    Args:
        confidence: Probability of the predicted class, float [rows] in [0, 1].
        right: Whether the predicted class is the true one, bool [rows].
        bins: Number of bins.
    """
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return _bins(confidence, right, index, np.arange(bins + 1) / bins)


def equal_mass_bins(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Return bins of about equally many rows, as those of adaptive calibration error (Nixon et al. 2019, section 3.2).

    Rows of one confidence are in one bin, so there may be fewer bins, and the order of the rows does not matter.
    Arguments are those of `equal_width_bins`.
    """
    ordered = np.sort(confidence)
    ends = np.ceil(np.arange(1, bins + 1) * len(ordered) / bins).astype(np.int64) - 1
    highs = np.unique(ordered[np.maximum(ends, 0)])
    return _bins(confidence, right, np.searchsorted(highs, confidence), np.concatenate([[0.0], highs]))


def _bins(confidence: np.ndarray, right: np.ndarray, index: np.ndarray, edges: np.ndarray) -> list[Bin]:
    count = len(edges) - 1
    rows = np.bincount(index, minlength=count)
    means = [np.bincount(index, values, count) / np.maximum(rows, 1) for values in (confidence, right)]
    columns = (column.tolist() for column in (edges[:-1], edges[1:], rows, *means))
    return [Bin(*numbers) for numbers in zip(*columns, strict=True)]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean over rows of |accuracy - confidence| of their bin.

    Over `equal_width_bins` this is ECE (Guo et al. 2017, equation 3; Naeini et al. 2015), over `equal_mass_bins`
    adaptive ECE: the bins of Nixon et al. 2019 on the predicted class alone.
    """
    return sum(bin.rows * abs(bin.accuracy - bin.confidence) for bin in bins) / sum(bin.rows for bin in bins)
