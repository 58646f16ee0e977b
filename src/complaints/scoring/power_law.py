"""Power law of a learning curve: error = a + b n^-c for n training rows."""

from dataclasses import dataclass

import numpy as np

EXPONENTS = np.arange(1, 201) / 100
"""Candidates for c: 0.01 to 2."""


@dataclass(frozen=True)
class PowerLaw:
    """Fits of error = a + b n^-c (Hestness et al. 2017, "Deep learning scaling is predictable, empirically").

    a, the error that no number of rows removes, is in [0, smallest error], b is at least 0. Arrays [fits].
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def error(self, rows: float) -> np.ndarray:
        """Return the error that each fit predicts for a number of training rows, float64 [fits]."""
        return self.a + self.b * float(rows) ** -self.c


def fit_power_law(rows: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """Fit the power law to learning curves by least squares.

    For a given c the law is linear in a and b, whose best values are in closed form; c is the best of a grid. So there
    are no starting values, no failures to converge, and the same bits everywhere. Fits to bootstrap resamples of the
    errors measure the uncertainty: that of the held-out rows, not that of the draw of the training rows.

    Args:
        rows: Number of training rows of each point, [points], at least 2 different ones.
        errors: Error of each point, such as 1 - accuracy, [fits, points]: one curve or resamples of it.

    Raises:
        ValueError: if there are fewer than three points: a curve through two has no unique c.
    """
    if len(np.unique(rows)) < 3:
        raise ValueError(f"{len(np.unique(rows))} points; a power law needs at least 3")
    values = np.atleast_2d(np.asarray(errors, dtype=np.float64))
    best = np.full(len(values), np.inf)
    a, b, c = (np.zeros(len(values)) for _ in range(3))
    # Relative to the geometric mean, n^-c is of the order of 1 for every c.
    scale = float(np.exp(np.mean(np.log(rows))))
    for exponent in EXPONENTS:
        power = (np.asarray(rows, dtype=np.float64) / scale) ** -exponent
        intercept, slope = _line(power, values)
        residuals = np.sum((intercept[:, None] + slope[:, None] * power - values) ** 2, axis=1)
        better = residuals < best
        best = np.where(better, residuals, best)
        a, b = np.where(better, intercept, a), np.where(better, slope * scale**exponent, b)
        c = np.where(better, exponent, c)
    return PowerLaw(a, b, c)


def _line(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return intercepts and slopes, [fits], of the least-squares lines through `values` [fits, points]; both >= 0."""
    centred = x - x.mean()
    slope = np.maximum((values * centred).sum(axis=1) / np.sum(centred**2), 0)
    intercept = values.mean(axis=1) - slope * x.mean()
    # Where the best intercept is below 0, the line goes through the origin.
    through_origin = (values * x).sum(axis=1) / np.sum(x**2)
    return np.maximum(intercept, 0), np.where(intercept < 0, through_origin, slope)
