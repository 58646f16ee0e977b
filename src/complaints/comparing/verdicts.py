"""Verdicts on a pair: each metric with interval and test, and the gate of --fail-if-worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from complaints.core.errors import UserError
from complaints.deciding.rule import Decisions
from complaints.evaluation.row_values import probability_values, top_values
from complaints.uncertainty.paired import LEVEL, LOWER_IS_BETTER, Difference, mcnemar
from complaints.uncertainty.resampling import Rows, System

LARGEST = 10_000_000
"""A larger number of test rows is not named: it only says that no test set will do."""
DECIMALS = 9


@dataclass(frozen=True)
class Limit:
    """A metric that may not become worse by more than a margin."""

    metric: str
    margin: float

    def worsening(self, difference: Difference) -> tuple[float, float, float]:
        """Return by how much side b is worse, and the ends of the interval of it; below 0 it is better."""
        if self.metric in LOWER_IS_BETTER:
            return difference.value, difference.low, difference.high
        return -difference.value, -difference.high, -difference.low

    def fails(self, difference: Difference, strict: bool) -> bool:
        """Return whether the whole interval is beyond the margin; if `strict`, whether a part of it is."""
        _, low, high = self.worsening(difference)
        return high > self.margin if strict else low > self.margin


def parse_limit(argument: str) -> Limit:
    """Return the limit in an argument METRIC=MARGIN.

    Raises:
        UserError: if it has another form.
    """
    metric, equals, margin = argument.partition("=")
    try:
        value = float(margin)
    except ValueError:
        value = -1.0
    if not metric or not equals or not 0 <= value < float("inf"):
        raise UserError(f"--fail-if-worse {argument!r}: write METRIC=MARGIN with a margin from 0 up, as macro_f1=0.01")
    return Limit(metric, value)


def check_metrics(limits: Sequence[Limit], metrics: Sequence[str], option: str = "--fail-if-worse") -> None:
    """Check that the metrics of limits, which an option names, exist.

    Raises:
        UserError: if one does not.
    """
    for limit in limits:
        if limit.metric not in metrics:
            raise UserError(f"{option}: there is no metric {limit.metric!r}; the metrics are {', '.join(metrics)}")


def in_words(difference: Difference) -> str:
    """Return the verdict on side b in plain words."""
    if difference.better != "cannot tell":
        return difference.better
    if difference.error == 0:
        return "the same"
    if difference.p < LEVEL:
        return "no claim: seeds of one recipe"
    if difference.value == 0:
        return "cannot tell: no difference was seen"
    needed = difference.needed_rows
    if needed is None:
        return "cannot tell: the seeds differ too much, more of them are needed"
    rows = f"about {_rounded(needed):,}" if needed <= LARGEST else f"more than {LARGEST:,}"
    return f"cannot tell at this size: would need {rows} test rows"


def _rounded(rows: int) -> int:
    """Return a number of rows with two significant digits: it is an estimate from an uncertain difference."""
    digits = max(len(str(rows)) - 2, 0)
    return -(-rows // 10**digits) * 10**digits


def system_of(answers: Decisions, rows: Rows) -> System:
    """Return the labels of a system, and its top-k accuracies, negative log-likelihood and Brier score of each row."""
    top = top_values(answers.scores, answers.predicted, rows.true)
    probabilities = probability_values(answers.log_probabilities, rows.true)
    # Probabilities that are equal but for rounding are no difference.
    return System(answers.predicted, top | {name: np.round(values, DECIMALS) for name, values in probabilities.items()})


@dataclass(frozen=True)
class McNemar:
    """The rows on which one system alone is right, and the p-value of equal accuracy by McNemar's exact test."""

    only_a: int
    only_b: int
    p: float


def mcnemar_of(rows: Rows, a: Sequence[System], b: Sequence[System]) -> McNemar | None:
    """Return McNemar's test of accuracy; None if a side has several systems, for which there is none."""
    if len(a) > 1 or len(b) > 1:
        return None
    right_a, right_b = a[0].predicted == rows.true, b[0].predicted == rows.true
    p = mcnemar(rows.true, a[0].predicted, b[0].predicted)
    return McNemar(int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a)), p)


def failures(limits: Sequence[Limit], strict: bool, verdicts: Mapping[str, Mapping[str, Difference]]) -> list[str]:
    """Return a sentence for each limit that a pair breaks.

    Args:
        limits: The limits.
        strict: Whether a worsening that cannot be excluded breaks a limit.
        verdicts: Title of a pair -> metric -> difference.
    """
    said = []
    for title, metrics in verdicts.items():
        for limit in limits:
            difference = metrics[limit.metric]
            if limit.fails(difference, strict):
                value, low, high = limit.worsening(difference)
                kind = "may be worse" if strict and low <= limit.margin else "is worse"
                said.append(
                    f"{title}: {limit.metric} {kind} by more than {limit.margin:g} "
                    f"(by {value:.4f}, 95 % interval {low:.4f} to {high:.4f})"
                )
    return said
