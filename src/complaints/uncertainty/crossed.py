"""Variance of the difference between two recipes, of which several seeds each answered the same clusters of rows.

Seeds and clusters are crossed factors: the score of a seed on a test set deviates from the recipe's by an effect of the
rows, an effect of the seed, and their interaction (Owen 2007, "The pigeonhole bootstrap"). The multi-bootstrap (Sellam
et al. 2022, "The MultiBERTs", section 3) estimates the variance by drawing clusters and seeds. With the few seeds that
one can afford, drawing seeds fails twice: it loses a share 1 / n of their variance, and it counts the interaction
again. Here the clusters are drawn and the seeds are computed; `benchmarks/significance.md` compares the two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from complaints.uncertainty.resampling import Distribution


@dataclass(frozen=True)
class Variance:
    """The variance of an estimate, in two parts."""

    of_rows: float
    """Part that falls with the number of rows."""
    of_seeds: float
    """Part that falls with the number of seeds alone."""
    freedom: float
    """Degrees of freedom of the sum, infinite without seeds."""

    @property
    def total(self) -> float:
        """The variance."""
        return self.of_rows + self.of_seeds

    def quantile(self, share: float) -> float:
        """Return a quantile of the estimate's deviation from the truth in standard errors, by Student's t."""
        return float(stats.t.ppf(share, self.freedom))

    def p_value(self, value: float) -> float:
        """Return the two-sided p-value of an estimate under a truth of 0."""
        if self.total == 0:
            return 1.0 if value == 0 else 0.0
        return float(2 * stats.t.sf(abs(value) / math.sqrt(self.total), self.freedom))


def variance_of_difference(a: Sequence[Distribution], b: Sequence[Distribution]) -> Variance:
    """Return the variance of the mean of the seeds `b` minus that of the seeds `a`, resampled by the same draws.

    The degrees of freedom are those of Welch and Satterthwaite (1946), with infinitely many for the rows: three seeds
    tell little about the variance over seeds.
    """
    drawn_a, drawn_b = (np.stack([seed.resampled for seed in side]) for side in (a, b))
    of_rows = float(np.var(mean_of_seeds(drawn_b) - mean_of_seeds(drawn_a), ddof=1))
    parts = [
        (_variance_of_seeds(np.array([seed.value for seed in side]), drawn) / len(side), len(side) - 1)
        for side, drawn in ((a, drawn_a), (b, drawn_b))
        if len(side) > 1
    ]
    of_seeds = sum(part for part, _ in parts)
    spread = sum(part**2 / freedom for part, freedom in parts)
    return Variance(of_rows, of_seeds, (of_rows + of_seeds) ** 2 / spread if spread else math.inf)


def mean_of_seeds(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis, the same to the last bit in every order of the seeds."""
    return np.sort(values, axis=0).mean(axis=0)


def _variance_of_seeds(values: np.ndarray, drawn: np.ndarray) -> float:
    """Return the variance of seeds on all possible rows, at least 0: that of their values less the interaction's.

    Seeds differ on a finite test set also where they are equally good. That part is in the variance of the rows
    already. It is the variance over resamples of a seed's deviation from the mean of the seeds.

    Args:
        values: Value of each of n seeds on the test set, [n] with n > 1.
        drawn: Their values on resamples, [n, resamples].
    """
    n = len(values)
    interaction = np.var(drawn - drawn.mean(axis=0), axis=1, ddof=1).mean() * n / (n - 1)
    return max(0.0, float(np.var(values, ddof=1) - interaction))
