"""Paired differences between all rows of the scoreboard on test, from one bootstrap."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.evaluation.scoreboard import answer_systems, answers_of, read_all_logits, read_rules
from complaints.evaluation.truth import Truth
from complaints.uncertainty.paired import Difference, Scores, corrected, differences
from complaints.uncertainty.resampling import bootstrap


@dataclass(frozen=True)
class Pairs:
    """The distributions of all scores on the same resamples of the test rows."""

    rows: int
    scores: Mapping[str, Scores]
    """Row of the scoreboard -> its scores."""

    def has(self, metric: str, name: str) -> bool:
        """Return whether a row has a score; a tier without classes has none."""
        return metric in self.scores.get(name, {})

    def value(self, metric: str, name: str) -> float:
        """Return the score of a row on test."""
        return self.scores[name][metric].value

    def against(self, metric: str, chosen: str, others: Iterable[str]) -> dict[str, Difference]:
        """Return other -> `chosen` minus it, with Holm's p-values over all of the others."""
        return corrected({other: self._difference(metric, other, chosen) for other in others})

    def better(self, metric: str, names: Sequence[str]) -> set[tuple[str, str]]:
        """Return all (a, b) such that a is significantly better than b, with Holm's p-values over all pairs."""
        family = corrected({(a, b): self._difference(metric, b, a) for a, b in itertools.combinations(names, 2)})
        turned = {"better": lambda a, b: (a, b), "worse": lambda a, b: (b, a)}
        return {turned[one.better](*pair) for pair, one in family.items() if one.better in turned}

    def _difference(self, metric: str, a: str, b: str) -> Difference:
        sides = ([{metric: self.scores[name][metric]}] for name in (a, b))
        return differences(self.rows, *sides)[metric]


def read_pairs(truth: Truth, predictions: Path, rules: Path, rungs: Sequence[str], resamples: int) -> Pairs:
    """Return the pairs of the predictions and the rules in two folders.

    Args:
        truth: The test rows and their classes.
        predictions: Folder of the predictions.
        rules: Folder of the decision rules.
        rungs: The models.
        resamples: Number of resamples of clusters.

    Raises:
        UserError: if a file is missing or broken, or a rule was fitted on other predictions.
    """
    logits = read_all_logits(predictions, rungs, truth)
    answers = list(answers_of(logits, read_rules(rules, rungs, predictions)))
    held_out = truth.rows("test")
    return Pairs(len(held_out), bootstrap(held_out, answer_systems(truth, answers, "test"), resamples))
