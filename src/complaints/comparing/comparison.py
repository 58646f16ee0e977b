"""Comparison of two sides as one value, from which text, Markdown and JSON are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from complaints.comparing.changes import Changes, changes_between, record_of
from complaints.comparing.classes import ClassChange, class_changes
from complaints.comparing.compared_rows import ComparedRows, make_compared_rows, split_of
from complaints.comparing.fixes import Flips, flips
from complaints.comparing.rows import answers_of, truth_of
from complaints.comparing.sides import Pair, SystemName
from complaints.comparing.verdicts import McNemar, mcnemar_of, system_of
from complaints.core.errors import UserError
from complaints.evaluation.truth import Truth
from complaints.lineage.snapshots import Snapshot, Snapshots
from complaints.uncertainty.paired import Difference, compare, corrected
from complaints.uncertainty.resampling import RESAMPLES, SEED, System


@dataclass(frozen=True)
class Options:
    """Choices of the user."""

    subset: str = "test"
    common_rows: bool = False
    resamples: int = RESAMPLES


@dataclass(frozen=True)
class PairResult:
    """Result of one pair."""

    pair: Pair
    metrics: Mapping[str, Difference]
    """By metric; p-values and verdicts are Holm's over the pairs, intervals are each pair's own."""
    mcnemar: McNemar | None
    classes: Sequence[ClassChange]
    flips: Flips
    changes: Changes

    @property
    def title(self) -> str:
        """The names of both sides in one text."""
        a, b = self.pair.titles
        return f"{a} -> {b}"


@dataclass(frozen=True)
class Comparison:
    """All pairs of a comparison, on one test set."""

    options: Options
    test: ComparedRows
    results: Sequence[PairResult]
    commits: Mapping[str, str | None]
    """Snapshot -> its commit, None for the workspace."""


def make_comparison(pairs: Sequence[Pair], snapshots: Snapshots, options: Options) -> Comparison:
    """Return the comparison of all pairs.

    Raises:
        UserError: if a file cannot be had, or the snapshots differ in their test rows or labels.
    """
    names = dict.fromkeys(system.revision for pair in pairs for system in (*pair.a, *pair.b))
    opened = {name: snapshots.get(name) for name in names}
    truths = {name: (snapshot, truth_of(snapshot)) for name, snapshot in opened.items()}
    test = make_compared_rows({name: truth for name, (_, truth) in truths.items()}, options.subset, options.common_rows)
    results = [_compare(pair, truths, test, options) for pair in pairs]
    results = [_without_claims(result) for result in _corrected(results)]
    return Comparison(options, test, results, {name: snapshot.commit for name, snapshot in opened.items()})


def _compare(
    pair: Pair, truths: Mapping[str, tuple[Snapshot, Truth]], test: ComparedRows, options: Options
) -> PairResult:
    """Return the result of one pair, without a correction for others."""

    def system(name: SystemName) -> System:
        snapshot, truth = truths[name.revision]
        answers = answers_of(snapshot, name.row, truth, split_of(options.subset))
        return system_of(test.answers(name.revision, answers), test.rows)

    a, b = [system(name) for name in pair.a], [system(name) for name in pair.b]
    for names, side in ((pair.a, a), (pair.b, b)):
        _check_seeds(names, side)
    records = [
        [record_of(truths[name.revision][0], name.row, truths[name.revision][1]) for name in side]
        for side in (pair.a, pair.b)
    ]
    return PairResult(
        pair,
        metrics=compare(test.rows, a, b, options.resamples, SEED),
        mcnemar=mcnemar_of(test.rows, a, b),
        classes=class_changes(test.rows, a, b, options.resamples, SEED),
        flips=flips(test, a, b),
        changes=changes_between(*records),
    )


def _check_seeds(names: Sequence[SystemName], systems: Sequence[System]) -> None:
    """Check that no two systems of a side are one training, which would make the deviation over seeds too small."""
    for index, (name, system) in enumerate(zip(names, systems, strict=True)):
        for other, before in zip(names[:index], systems[:index], strict=True):
            if np.array_equal(system.row_values["nll"], before.row_values["nll"]):
                raise UserError(f"{other} and {name} have the same predictions and are not two seeds; name one of them")


def _without_claims(result: PairResult) -> PairResult:
    """Return a result that claims no difference if the sides are seeds of one recipe: one of them was only luckier."""
    if not result.changes.only_seeds:
        return result
    metrics = {metric: replace(one, better="cannot tell") for metric, one in result.metrics.items()}
    return replace(result, metrics=metrics)


def _corrected(results: Sequence[PairResult]) -> list[PairResult]:
    """Return the results with Holm's p-values and verdicts: for each metric, the pairs that differ are a family."""
    metrics = [dict(result.metrics) for result in results]
    for metric in metrics[0]:
        family = {index: found[metric] for index, found in enumerate(metrics) if found[metric].error > 0}
        for index, difference in (corrected(family) if family else {}).items():
            metrics[index][metric] = difference
    return [replace(result, metrics=found) for result, found in zip(results, metrics, strict=True)]
