"""Scores of several systems on one subset of the held-out rows, with intervals."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from complaints.evaluation.calibration import calibration_error, equal_mass_bins, equal_width_bins
from complaints.evaluation.selective import aurc
from complaints.scoring import metrics
from complaints.uncertainty.count_metrics import TIERS
from complaints.uncertainty.resampling import Rows, System, bootstrap

K = TypeVar("K")

THREADS = 2
"""Threads of the bootstrap, whose products of sparse matrices let others compute; results do not depend on it."""
DECIMALS = 6
"""Decimals of scores in files."""


@dataclass(frozen=True)
class SubsetScores:
    """The scores of one system on one subset."""

    scores: metrics.ClassScores
    values: dict[str, float]
    """The metrics by name; counts are int. A metric of no class is left out, such as macro_f1_10 in a small subset."""
    intervals: dict[str, tuple[float, float]]
    """The 95 % intervals of metrics by name: of those from counts of rows per class, and of means over rows."""


@dataclass(frozen=True)
class Subset:
    """Held-out rows, and the answers of systems on them."""

    rows: Rows
    systems: Mapping[str, System]


def select(system: System, indices: np.ndarray) -> System:
    """Return the answers of a system on some of its rows, by their indices, int64 or bool."""
    return System(system.predicted[indices], {name: values[indices] for name, values in system.row_values.items()})


def select_rows(rows: Rows, indices: np.ndarray) -> Rows:
    """Return some rows, by their indices, int64 or bool."""
    return Rows(rows.true[indices], rows.clusters[indices], rows.classes, rows.tiers)


def score_subsets(subsets: Mapping[K, Subset], reference: str, resamples: int) -> dict[K, dict[str, SubsetScores]]:
    """Return subset -> system -> its scores; THREADS subsets are scored at a time.

    Args:
        subsets: The subsets with their systems, by any key.
        reference: The system against which classes are rescued, one of each subset's.
        resamples: Number of resamples of the intervals.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda subset: _score_subset(subset, reference, resamples), subsets.values())
        return dict(zip(subsets, found, strict=True))


def _score_subset(subset: Subset, reference: str, resamples: int) -> dict[str, SubsetScores]:
    rows, tiers, result = subset.rows, np.array(subset.rows.tiers), {}
    scores = {
        name: metrics.class_scores(rows.true, system.predicted, rows.classes) for name, system in subset.systems.items()
    }
    for name, distributions in bootstrap(rows, subset.systems, resamples).items():
        values = {metric: round(found.value, DECIMALS) for metric, found in distributions.items()}
        values["macro_f1_sklearn"] = round(metrics.macro_f1_sklearn(scores[name]), DECIMALS)
        values |= _zeros(scores[name], scores[reference], tiers)
        intervals = {metric: _rounded(found.interval()) for metric, found in distributions.items()}
        result[name] = SubsetScores(scores[name], values, intervals)
    return result


def _zeros(scores: metrics.ClassScores, reference: metrics.ClassScores, tiers: np.ndarray) -> dict[str, float]:
    """Return the numbers of zero-F1 and of rescued classes, of all tiers and of each."""
    values: dict[str, float] = {
        "zero_f1_classes": metrics.zero_f1_classes(scores),
        "rescued": metrics.rescued_classes(scores, reference),
    }
    for tier in TIERS:
        own, others = scores.select(tiers == tier), reference.select(tiers == tier)
        values |= {
            f"zero_f1_{tier}": metrics.zero_f1_classes(own),
            f"rescued_{tier}": metrics.rescued_classes(own, others),
        }
    return values


def confidence_values(confidence: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Return the calibration errors ece and adaptive_ece, and the area under the risk-coverage curve, aurc.

    Args:
        confidence: Probability of the predicted class, float [rows].
        right: Whether the predicted class is the true one, bool [rows].
    """
    return {
        "ece": round(calibration_error(equal_width_bins(confidence, right)), DECIMALS),
        "adaptive_ece": round(calibration_error(equal_mass_bins(confidence, right)), DECIMALS),
        "aurc": round(aurc(confidence, right), DECIMALS),
    }


def _rounded(interval: tuple[float, float]) -> tuple[float, float]:
    return round(interval[0], DECIMALS), round(interval[1], DECIMALS)
