"""Differences between two systems on the same test rows: interval, test, and the size that would be detected.

A side of a comparison is one system, and the verdict is on that trained model; or several seeds of one recipe, and the
verdict is on the recipe.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from scipy import stats

from complaints.uncertainty import crossed
from complaints.uncertainty.resampling import RESAMPLES, SEED, Distribution, Rows, System, bootstrap

LEVEL = 0.05
"""Probability of "better" or "worse" where there is no difference."""
POWER = 0.8
"""Probability of finding a difference as large as the minimal detectable effect."""
LOWER_IS_BETTER = frozenset({"nll", "brier", "ece", "adaptive_ece", "js_divergence"})
"""Metrics that measure errors, or the divergence from a teacher; of all others more is better."""

Verdict = Literal["better", "worse", "cannot tell"]
Scores = Mapping[str, Distribution]
"""Metric -> its distribution, for one system."""
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Side:
    """One metric of one side of a comparison."""

    value: float
    """Mean over seeds."""
    spread: float | None
    """Standard deviation over seeds; None for a single one."""


@dataclass(frozen=True)
class PowerAnalysis:
    """The variance of a difference, from which follows what tests of it find with probability POWER.

    The effect that is found is a multiple of the standard error: the quantiles of the level and of POWER, added (Bloom
    1995, "Minimum detectable effects").
    """

    rows: int
    """Test rows."""
    variance: crossed.Variance

    def mde(self, level: float) -> float:
        """Return the minimal detectable effect of two-sided tests at a level, in units of the metric."""
        return self._detected(level) * math.sqrt(self.variance.total)

    def needed_rows(self, value: float, level: float) -> int | None:
        """Return the test rows with which a true difference of `value` is found at a level, None if none suffice."""
        room = (value / self._detected(level)) ** 2 - self.variance.of_seeds
        return math.ceil(self.rows * self.variance.of_rows / room) if room > 0 else None

    def _detected(self, level: float) -> float:
        return self.variance.quantile(1 - level / 2) + self.variance.quantile(POWER)


@dataclass(frozen=True)
class Difference:
    """Side b minus side a in one metric."""

    metric: str
    a: Side
    b: Side
    value: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    error: float
    """Standard error of the value."""
    p: float
    """Two-sided p-value of no difference."""
    mde: float
    """Minimal detectable effect: a true difference of this size is found with probability POWER."""
    needed_rows: int | None
    """Test rows with which a true difference as large as the value is found with probability POWER; None if no number
    of rows suffices, since the value is 0 or the seeds differ too much."""
    better: Verdict
    """Verdict on b."""
    power: PowerAnalysis
    """What `mde` and `needed_rows` follow from, at the level of the test: LEVEL, or what Holm's correction leaves."""


def compare(
    rows: Rows, a: Sequence[System], b: Sequence[System], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Difference]:
    """Return the difference between two sides in each metric that all of their systems have.

    Raises:
        ValueError: if a side has no system, or for the reasons of `bootstrap`.
    """
    named = {f"{side}{number}": system for side, given in (("a", a), ("b", b)) for number, system in enumerate(given)}
    scores = bootstrap(rows, named, resamples, seed)
    return differences(len(rows), *([scores[name] for name in named if name[0] == side] for side in ("a", "b")))


def differences(rows: int, a: Sequence[Scores], b: Sequence[Scores]) -> dict[str, Difference]:
    """Return metric -> difference of two sides, whose distributions come from one call of `bootstrap` on these rows."""
    if not a or not b:
        raise ValueError("a side of the comparison has no system")
    metrics = [metric for metric in a[0] if all(metric in scores for scores in (*a, *b))]
    return {
        metric: _difference(metric, rows, [scores[metric] for scores in a], [scores[metric] for scores in b])
        for metric in metrics
    }


def _difference(metric: str, rows: int, a: Sequence[Distribution], b: Sequence[Distribution]) -> Difference:
    """Return the difference in one metric."""
    left, right = _side(a), _side(b)
    value = right.value - left.value
    variance = crossed.variance_of_difference(a, b)
    error, critical = math.sqrt(variance.total), variance.quantile(1 - LEVEL / 2)
    power, p = PowerAnalysis(rows, variance), variance.p_value(value)
    return Difference(
        metric=metric,
        a=left,
        b=right,
        value=value,
        low=value - critical * error,
        high=value + critical * error,
        error=error,
        p=p,
        mde=power.mde(LEVEL),
        needed_rows=power.needed_rows(value, LEVEL),
        better=judge(metric, value, p),
        power=power,
    )


def _side(seeds: Sequence[Distribution]) -> Side:
    values = np.array([seed.value for seed in seeds])
    return Side(float(crossed.mean_of_seeds(values)), float(np.std(values, ddof=1)) if len(seeds) > 1 else None)


def judge(metric: str, value: float, p: float) -> Verdict:
    """Return the verdict on the side that has more of a metric by `value`."""
    if p >= LEVEL:
        return "cannot tell"
    return "better" if (value > 0) != (metric in LOWER_IS_BETTER) else "worse"


def corrected(family: Mapping[Key, Difference]) -> dict[Key, Difference]:
    """Return differences that are looked at together, with Holm's p-values and what follows from them.

    Verdicts, minimal detectable effects and needed rows are those of tests at the level that the correction leaves to
    each difference. Intervals stay those of each difference alone.
    """
    p_values = np.array([one.p for one in family.values()])
    return {
        key: replace(
            one,
            p=float(p),
            mde=one.power.mde(LEVEL / factor),
            needed_rows=one.power.needed_rows(one.value, LEVEL / factor),
            better=judge(one.metric, one.value, p),
        )
        for (key, one), p, factor in zip(family.items(), holm(p_values), _holm_factors(p_values), strict=True)
    }


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return the p-values of a family of tests, adjusted so that any false discovery in it is as rare as in one test.

    Holm 1979: the i-th smallest of m is multiplied by m - i + 1, and none is below a smaller one.
    """
    return np.minimum(p_values * _holm_factors(p_values), 1)


def _holm_factors(p_values: np.ndarray) -> np.ndarray:
    """Return what Holm multiplies each p-value by; more than m - i + 1 where a smaller one's product is larger."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1).astype(float)
    ascending = p_values[order]
    adjusted = np.maximum.accumulate(ascending * factors)
    result = np.empty(len(p_values))
    result[order] = np.divide(adjusted, ascending, out=factors, where=ascending > 0)
    return result


def mcnemar(true: np.ndarray, predicted_a: np.ndarray, predicted_b: np.ndarray) -> float:
    """Return the two-sided p-value of equal accuracy by McNemar's exact test (McNemar 1947), class ids int [rows].

    Among rows on which one system alone is right, each is as likely to be that one. Rows are taken as independent: near
    duplicates in the test set make the p-value too small.
    """
    right_a, right_b = predicted_a == true, predicted_b == true
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    return float(stats.binomtest(only_b, only_a + only_b).pvalue) if only_a + only_b else 1.0
