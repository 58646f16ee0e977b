"""Ranking of the points of a study on validation, and the points that may be the best one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from complaints.sweeping.record import PointRecord
from complaints.uncertainty.crossed import Variance, variance_of_difference
from complaints.uncertainty.resampling import RESAMPLES, SEED, Distribution, Rows, System, bootstrap

LEVEL = 0.05
"""Probability of leaving the truly best point out of the points that may be the best."""


@dataclass(frozen=True)
class Ranked:
    """A point with its place among the others; scores are of the study's objective, means over seeds."""

    point: PointRecord
    score: float
    low: float
    """Lower end of the score's 95 % interval, over near-duplicate clusters and seeds; objectives are in [0, 1]."""
    high: float
    spread: float | None
    """Standard deviation over seeds; None for a single one."""
    behind: float
    """Score of the best point minus this one's."""
    p: float
    """p-value of "no other point is better than this one"; 1 for the first."""

    @property
    def may_be_best(self) -> bool:
        """Whether the point cannot be told from the best one."""
        return self.p > LEVEL


@dataclass(frozen=True)
class Ranking:
    """All points that did not fail, the best first."""

    points: tuple[Ranked, ...]
    optimism: float
    """Part of the best score that is expected to be luck of the choice."""


def rank(
    rows: Rows,
    points: Sequence[tuple[PointRecord, Sequence[System]]],
    objective: str,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Ranking:
    """Return the points in the order of their mean objective over seeds, the first tried first among equals.

    Args:
        rows: The validation rows.
        points: Points, with the system of each seed.
        objective: Metric, higher is better.
        resamples: Number of resamples of the bootstrap.
        seed: Seed of the resamples.
    """
    systems = {f"{i}.{k}": system for i, (_, seeds) in enumerate(points) for k, system in enumerate(seeds)}
    drawn = bootstrap(rows, systems, resamples, seed)
    groups = [[drawn[f"{i}.{k}"][objective] for k in range(len(seeds))] for i, (_, seeds) in enumerate(points)]
    values = np.array([np.mean([one.value for one in group]) for group in groups])
    noise = noise_of(groups, seed)
    p_values = best_p_values(values, noise)
    ranked = []
    for index in np.argsort(-values, kind="stable"):
        own = [one.value for one in groups[index]]
        variance = noise.variance(index)
        half = variance.quantile(1 - LEVEL / 2) * math.sqrt(variance.total)
        ranked.append(
            Ranked(
                point=points[index][0],
                score=float(values[index]),
                low=max(0.0, float(values[index]) - half),
                high=min(1.0, float(values[index]) + half),
                spread=float(np.std(own, ddof=1)) if len(own) > 1 else None,
                behind=float(values.max() - values[index]),
                p=float(p_values[index]),
            )
        )
    return Ranking(tuple(ranked), optimism(values, noise))


@dataclass(frozen=True)
class Noise:
    """Deviations of the scores of k points from the truth, in two parts."""

    rows: np.ndarray
    """Draws of the part of the rows, the same draws for all points, float64 [k, draws]."""
    of_seeds: float
    """Variance of the part of the seeds, which are independent between points; 0 with one seed."""
    freedom: float
    """Degrees of freedom of `of_seeds`, infinite with one seed."""
    generator_seed: int

    def variance(self, index: int) -> Variance:
        """Return the variance of the score of one point, with Satterthwaite's degrees of freedom (1946)."""
        of_rows = float(self.rows[index].var(ddof=1))
        spread = self.of_seeds**2 / self.freedom
        return Variance(of_rows, self.of_seeds, (of_rows + self.of_seeds) ** 2 / spread if spread else math.inf)

    def draws(self, estimated: bool) -> np.ndarray:
        """Return draws of the deviations, [k, draws].

        Args:
            estimated: Whether `of_seeds` is an estimate, so that the part of the seeds is a multivariate t; else it is
                normal.
        """
        generator = np.random.default_rng(self.generator_seed)
        normal = generator.standard_normal(self.rows.shape) * math.sqrt(self.of_seeds)
        if estimated and math.isfinite(self.freedom):
            normal *= np.sqrt(self.freedom / generator.chisquare(self.freedom, size=self.rows.shape[1]))
        return self.rows + normal


def noise_of(groups: Sequence[Sequence[Distribution]], seed: int) -> Noise:
    """Return the noise of the mean scores of points with the same number of seeds each.

    The variance over seeds is pooled over the points, as in an analysis of variance: the two or three seeds of one
    point tell too little.

    Args:
        groups: For each point the distribution of each of its seeds, from one call of `bootstrap`.
        seed: Seed of the draws.
    """
    means = np.stack([np.mean([one.resampled for one in group], axis=0) for group in groups])
    nothing = Distribution(0.0, np.zeros(means.shape[1]))
    of_seeds = float(np.mean([variance_of_difference([nothing], group).of_seeds for group in groups]))
    freedom = sum(len(group) - 1 for group in groups)
    return Noise(means - means.mean(axis=1, keepdims=True), of_seeds, freedom or math.inf, seed)


def best_p_values(values: np.ndarray, noise: Noise) -> np.ndarray:
    """Return for each point the p-value of the hypothesis that no other is truly better, float64 [k].

    The points above LEVEL contain the best one with probability 1 - LEVEL, however many there are: these are multiple
    comparisons with the best (Hsu 1984), with the distribution of the largest studentized difference taken from the
    bootstrap. A test of each point against the one that happens to be first would not know that it was chosen.

    Args:
        values: Scores, [k], higher is better.
        noise: Deviations of these scores.
    """
    p_values, drawn = np.ones(len(values)), noise.draws(estimated=True)
    for index in range(len(values)):
        others = np.delete(np.arange(len(values)), index)
        of_rows = (noise.rows[others] - noise.rows[index]).var(axis=1, ddof=1)
        errors = np.sqrt(of_rows + 2 * noise.of_seeds)
        kept = errors > 0
        if not kept.any():
            continue  # the same answers on every row as all others, or no other point
        studentized = ((drawn[others] - drawn[index])[kept] / errors[kept, None]).max(axis=0)
        observed = ((values[others] - values[index])[kept] / errors[kept]).max()
        p_values[index] = (1 + np.sum(studentized >= observed)) / (1 + len(studentized))
    return p_values


def optimism(values: np.ndarray, noise: Noise) -> float:
    """Return how much the score of the best point is expected to be above its truth because it was chosen.

    This is the bootstrap's estimate of the bias of a maximum (Efron & Tibshirani 1993, chapter 10): in each draw the
    best point is chosen again, and its score is compared with the one that it was drawn from. It is rough: among equal
    points the estimate is about two thirds of the truth.

    Args:
        values: Scores, [k].
        noise: Deviations of these scores.
    """
    deviations = noise.draws(estimated=False)
    chosen = (values[:, None] + deviations).argmax(axis=0)
    return float(deviations[chosen, np.arange(deviations.shape[1])].mean())
