"""Table of a learning curve: measured scores, and what its power law expects of more training rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.csv_files import write_csv
from complaints.core.schema import HELD_OUT
from complaints.evaluation.truth import Truth
from complaints.scoring.learning_curve import CurvePoint
from complaints.scoring.power_law import fit_power_law
from complaints.uncertainty.resampling import Distribution, Rows, System, bootstrap

MULTIPLES = (2, 4, 8)
"""Multiples of the training rows for which a score is expected: three doublings."""
LEAST_POINTS = 3
"""A power law has three numbers."""
METRICS = ("accuracy", "macro_f1")
HEADER = ("split", "metric", "kind", "train_rows", "value", "low", "high")


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


def estimates(curve: MeasuredCurve) -> list[Estimate]:
    """Return the measured points, then the scores that the power law of 1 - score expects for MULTIPLES of the rows.

    Every resample has its own power law. So the intervals contain the chance of the held-out rows, but not that of the
    drawn fractions, nor whether the law holds so far out. With fewer than LEAST_POINTS points nothing is expected.
    """
    found = [
        Estimate("measured", rows, float(value), *Distribution(float(value), column).interval())
        for rows, value, column in zip(curve.train_rows.tolist(), curve.values, curve.resampled.T, strict=True)
    ]
    if len(np.unique(curve.train_rows)) < LEAST_POINTS:
        return found
    law, laws = (fit_power_law(curve.train_rows, 1 - scores) for scores in (curve.values, curve.resampled))
    for multiple in MULTIPLES:
        rows = int(curve.train_rows[-1]) * multiple
        value = 1 - float(law.error(rows)[0])
        found.append(Estimate("expected", rows, value, *Distribution(value, 1 - laws.error(rows)).interval()))
    return found


def measured_curves(rows: Rows, points: Sequence[CurvePoint], split: str, resamples: int) -> dict[str, MeasuredCurve]:
    """Return the curve of each of METRICS on the rows of a held-out split, by one bootstrap over clusters."""
    systems = {str(number): System(point.predicted[split]) for number, point in enumerate(points)}
    found = list(bootstrap(rows, systems, resamples).values())
    sizes = np.array([point.train_rows for point in points])
    return {
        metric: MeasuredCurve(
            sizes,
            np.array([scores[metric].value for scores in found]),
            np.stack([scores[metric].resampled for scores in found], axis=1),
        )
        for metric in METRICS
    }


def write_curve_table(path: Path, truth: Truth, points: Sequence[CurvePoint], resamples: int) -> None:
    """Write the estimates of each metric on both held-out splits as CSV with the columns HEADER, test first.

    Args:
        path: The file to write.
        truth: The held-out rows.
        points: The predictions after training on each fraction; without any, the file has no lines.
        resamples: Number of resamples of the intervals.
    """

    def lines() -> Iterator[list[object]]:
        for split in reversed(HELD_OUT) if points else ():
            for metric, curve in measured_curves(truth.rows(split), points, split, resamples).items():
                for e in estimates(curve):
                    yield [
                        split,
                        metric,
                        e.kind,
                        e.train_rows,
                        *(round(value, 6) for value in (e.value, e.low, e.high)),
                    ]

    write_csv(path, list(HEADER), lines())
