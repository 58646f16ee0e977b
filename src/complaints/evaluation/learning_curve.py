"""Table of a learning curve: measured scores, and what its power law expects of more training rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.csv_files import write_csv
from complaints.scoring.power_law import fit_power_law

MULTIPLES = (2, 4, 8)
"""Multiples of the training rows for which a score is expected: three doublings."""
LEAST_POINTS = 3
"""A power law has three numbers."""
HEADER = ("metric", "kind", "train_rows", "value", "low", "high")


Interval = Callable[[float, np.ndarray], tuple[float, float]]
"""Function of a value and its bootstrap, float64 [resamples]: the interval's bounds."""


@dataclass(frozen=True)
class MeasuredCurve:
    """A metric of one model after training on fractions of its rows, all on the same held-out rows."""

    train_rows: np.ndarray
    """int [points], ascending."""
    values: np.ndarray
    """The metric, a share of 1, float64 [points]."""
    resampled: np.ndarray
    """The metric on bootstrap resamples of the held-out rows, the same for all points, float64 [resamples, points]."""


@dataclass(frozen=True)
class Estimate:
    """A score at a number of training rows, with its interval."""

    kind: str
    """`measured`, or `expected` by the power law."""
    train_rows: int
    value: float
    low: float
    high: float


def estimates(curve: MeasuredCurve, interval: Interval) -> list[Estimate]:
    """Return the measured points, then the scores that the power law of 1 - score expects for MULTIPLES of the rows.

    Every resample has its own power law. So the intervals contain the chance of the held-out rows, but not that of the
    drawn fractions, nor whether the law holds so far out. With fewer than LEAST_POINTS points nothing is expected.
    """
    found = [
        Estimate("measured", rows, float(value), *interval(float(value), column))
        for rows, value, column in zip(curve.train_rows.tolist(), curve.values, curve.resampled.T, strict=True)
    ]
    if len(np.unique(curve.train_rows)) < LEAST_POINTS:
        return found
    law, laws = (fit_power_law(curve.train_rows, 1 - scores) for scores in (curve.values, curve.resampled))
    for multiple in MULTIPLES:
        rows = int(curve.train_rows[-1]) * multiple
        value = 1 - float(law.error(rows)[0])
        found.append(Estimate("expected", rows, value, *interval(value, 1 - laws.error(rows))))
    return found


def write_learning_curve_table(path: Path, found: Mapping[str, Sequence[Estimate]]) -> None:
    """Write the estimates of each metric as CSV with the columns HEADER, scores with six digits."""

    def lines() -> Iterator[list[object]]:
        for metric, rows in found.items():
            for e in rows:
                yield [metric, e.kind, e.train_rows, *(round(value, 6) for value in (e.value, e.low, e.high))]

    write_csv(path, list(HEADER), lines())
