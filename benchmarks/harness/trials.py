"""Trials of intervals and tests on test sets with a known truth: how often they are right."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from complaints.uncertainty.paired import LEVEL, Scores, differences, mcnemar
from complaints.uncertainty.resampling import Distribution, Rows, System, bootstrap
from harness.known_truth import Draw, Population, answer, answer_table, draw_rows, long_tailed_recall, true_scores

AGREEMENT = 0.7
"""Share of the clusters on which two systems are decided by the same chance: models share their hard rows."""
IMPROVED = slice(20, 60)
"""Ranks of the classes whose recall a planted improvement raises, the middle of the frequencies."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Setting:
    """A population of test sets and the size of those that are drawn."""

    source: Population
    rows: int
    resamples: int = 500

    @property
    def recall(self) -> np.ndarray:
        """Recall of a system for each class."""
        return long_tailed_recall(self.source.prior)

    def improved(self, gain: float) -> np.ndarray:
        """Return the recall of a system with a planted improvement."""
        recall = self.recall
        recall[IMPROVED] += gain
        return recall

    def truth(self, recall: np.ndarray, support: np.ndarray) -> dict[str, float]:
        """Return the true scores of a system with this recall."""
        return true_scores(self.source.prior, answer_table(self.source.prior, recall), support)


@dataclass(frozen=True)
class Trial:
    """One test set with the answers of two sides."""

    rows: Rows
    a: Sequence[System]
    b: Sequence[System]
    scores: Mapping[str, Scores]
    """Of the systems, named a0, a1, ..., b0, b1, ..., resampled by clusters."""
    naive: Mapping[str, Scores]
    """The same, resampled by rows."""
    number: int

    def side(self, name: str, naive: bool = False) -> list[Scores]:
        """Return the scores of the systems of side a or b."""
        return [scores for key, scores in (self.naive if naive else self.scores).items() if key[0] == name]


def seed_of(recall: np.ndarray, spread: float, generator: np.random.Generator) -> np.ndarray:
    """Return the recall of one seed: its log-odds deviate for all classes together and for each alone."""
    deviations = spread * (generator.normal() + generator.normal(size=len(recall)))
    return 1 / (1 + np.exp(-np.log(recall / (1 - recall)) - deviations))


def trials(
    setting: Setting, count: int, gain: float = 0.0, seeds: int = 1, spread: float = 0.0, naive: bool = True
) -> Iterator[Trial]:
    """Yield test sets with seeds of a recipe `a` and of a recipe `b` whose recall is higher by `gain` in IMPROVED."""
    generator = np.random.default_rng(seeds)
    for number in range(count):
        draw: Draw = draw_rows(setting.source, setting.rows, generator)
        recalls = [
            seed_of(recall, spread, generator)
            for recall in (setting.recall, setting.improved(gain))
            for _ in range(seeds)
        ]
        tables = [answer_table(setting.source.prior, recall) for recall in recalls]
        answers = answer(draw, tables, AGREEMENT, generator)
        names = [f"{side}{index}" for side in "ab" for index in range(seeds)]
        systems = dict(zip(names, answers, strict=True))
        by_rows = replace(draw.rows, clusters=np.arange(len(draw.rows)))
        yield Trial(
            draw.rows,
            answers[:seeds],
            answers[seeds:],
            bootstrap(draw.rows, systems, setting.resamples, number),
            bootstrap(by_rows, systems, setting.resamples, number) if naive else {},
            number,
        )


def percentile(score: Distribution) -> Interval:
    """Return the 95 % interval between quantiles of the resamples."""
    low, high = np.quantile(score.resampled, [0.025, 0.975])
    return float(low), float(high)


Shares = dict[str, dict[str, float]]
"""Metric -> what is measured -> its mean over trials; True counts as 1."""


def mean_of(measured: Iterable[Shares]) -> Shares:
    """Return the mean over trials of all that is measured."""
    first, *others = list(measured)
    return {
        metric: {
            key: float(np.mean([value, *(other[metric][key] for other in others)])) for key, value in of_metric.items()
        }
        for metric, of_metric in first.items()
    }


def measure_pairs(setting: Setting, count: int, gain: float, metrics: Sequence[str]) -> Shares:
    """Return what holds for pairs of single systems.

    Of the first system: `interval`, `percentiles` and `interval by rows` contain its true score. Of the difference: it
    is `found` by clusters, `found by rows`, `found by McNemar`; its interval contains the truth (`covered`); its
    minimal detectable effect (`mde`), and its `truth`.
    """
    return mean_of(_measured_pair(setting, trial, gain, metrics) for trial in trials(setting, count, gain))


def _measured_pair(setting: Setting, trial: Trial, gain: float, metrics: Sequence[str]) -> Shares:
    support = np.bincount(trial.rows.true, minlength=trial.rows.classes)
    true_a, true_b = (setting.truth(recall, support) for recall in (setting.recall, setting.improved(gain)))
    by_clusters = differences(len(trial.rows), trial.side("a"), trial.side("b"))
    by_rows = differences(len(trial.rows), trial.side("a", True), trial.side("b", True))
    exact = mcnemar(trial.rows.true, trial.a[0].predicted, trial.b[0].predicted)
    result = {}
    for metric in metrics:
        one, truth, score = by_clusters[metric], true_b[metric] - true_a[metric], trial.scores["a0"][metric]
        intervals = {
            "interval": score.interval(),
            "percentiles": percentile(score),
            "interval by rows": trial.naive["a0"][metric].interval(),
        }
        result[metric] = {way: float(low <= true_a[metric] <= high) for way, (low, high) in intervals.items()} | {
            "found": float(one.p < LEVEL),
            "found by rows": float(by_rows[metric].p < LEVEL),
            "found by McNemar": float(exact < LEVEL) if metric == "accuracy" else math.nan,
            "covered": float(one.low <= truth <= one.high),
            "mde": one.mde,
            "truth": truth,
        }
    return result


def measure_recipes(
    setting: Setting, count: int, gain: float, seeds: int, spread: float, metrics: Sequence[str]
) -> Shares:
    """Return how often a difference is found between recipes of several seeds.

    It is `found` as in the package; `found by drawing seeds`, the multi-bootstrap (Sellam et al. 2022); and `found by
    one seed each`, compared as if they were the recipes.
    """
    return mean_of(
        _measured_recipes(trial, metrics) for trial in trials(setting, count, gain, seeds, spread, naive=False)
    )


def _measured_recipes(trial: Trial, metrics: Sequence[str]) -> Shares:
    a, b = trial.side("a"), trial.side("b")
    ours, first = differences(len(trial.rows), a, b), differences(len(trial.rows), a[:1], b[:1])
    result = {}
    for metric in metrics:
        low, high = multi_bootstrap([one[metric] for one in a], [one[metric] for one in b], trial.number)
        result[metric] = {
            "found": float(ours[metric].p < LEVEL),
            "found by drawing seeds": float(not low <= 0 <= high),
            "found by one seed each": float(first[metric].p < LEVEL),
        }
    return result


def multi_bootstrap(a: Sequence[Distribution], b: Sequence[Distribution], seed: int) -> Interval:
    """Return the percentile interval of b - a over draws of clusters and of the seeds of each side."""
    generator = np.random.default_rng(seed)

    def drawn(side: Sequence[Distribution]) -> np.ndarray:
        values = np.stack([one.resampled for one in side])
        weights = generator.multinomial(len(side), [1 / len(side)] * len(side), size=values.shape[1]).T
        return (weights * values).sum(axis=0) / len(side)

    low, high = np.quantile(drawn(b) - drawn(a), [0.025, 0.975])
    return float(low), float(high)
