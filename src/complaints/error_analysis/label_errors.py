"""Likely wrong labels: rows that confident learning finds, and near duplicates under different labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from complaints.error_analysis import confident_learning

DIGITS = 6
"""Probabilities are rounded before they are ranked, so that the order does not depend on the last bits."""

Evidence = Literal["model", "near duplicates", "both"]


@dataclass(frozen=True)
class LabelledRows:
    """Rows of one split with their given labels."""

    split: str
    row_ids: Sequence[str]
    given: np.ndarray
    """Given class ids, int64 [rows]."""
    clusters: Sequence[str]
    """The cluster of near duplicates of each row."""


@dataclass(frozen=True)
class LabelError:
    """A row whose given label is probably wrong; numbers are None where near duplicates are the only evidence."""

    index: int
    """Position in its split."""
    row_id: str
    given: int
    suggested: int
    evidence: Evidence
    duplicate_labels: tuple[int, ...]
    """The labels of its near duplicates that differ from its own, the most frequent first."""
    p_given: float | None = None
    p_suggested: float | None = None
    margin: float | None = None
    """Normalised margin: p_given minus the largest other probability."""


@dataclass(frozen=True)
class Judgement:
    """The likely wrong labels of one split by one model."""

    model: str
    split: str
    judged: np.ndarray
    """Whether a class is judged, bool [classes]."""
    judged_rows: int
    errors: list[LabelError]
    """The smallest margin first."""


def judge(rows: LabelledRows, model: str, probabilities: np.ndarray, tiers: Sequence[str]) -> Judgement:
    """Return the likely wrong labels of rows by the probabilities of a model that was not fitted to them.

    Args:
        rows: The rows.
        model: The model's name.
        probabilities: float [rows, classes].
        tiers: The tier of each class; only head and mid classes are judged.
    """
    probabilities = np.round(probabilities, DIGITS)
    judged = confident_learning.judged_classes(rows.given, tiers)
    joint = confident_learning.confident_joint(probabilities, rows.given, judged)
    margin = np.round(confident_learning.normalised_margin(probabilities, rows.given), DIGITS)
    others = labels_of_duplicates(rows)
    errors = [
        LabelError(
            index=i,
            row_id=rows.row_ids[i],
            given=int(rows.given[i]),
            suggested=int(joint.confident[i]),
            evidence="both" if others.get(i) else "model",
            duplicate_labels=others.get(i, ()),
            p_given=round(float(probabilities[i, rows.given[i]]), DIGITS),
            p_suggested=round(float(probabilities[i, joint.confident[i]]), DIGITS),
            margin=float(margin[i]),
        )
        for i in confident_learning.likely_errors(probabilities, rows.given, joint, judged).tolist()
    ]
    return Judgement(model, rows.split, judged, int(np.sum(judged[rows.given])), errors)


def labels_of_duplicates(rows: LabelledRows) -> dict[int, tuple[int, ...]]:
    """Return, for each row in a cluster with several labels, the labels other than its own, most frequent first."""
    labels: dict[str, Counter[int]] = {}
    for cluster, label in zip(rows.clusters, rows.given.tolist(), strict=True):
        labels.setdefault(cluster, Counter())[label] += 1
    ranked = {
        cluster: sorted(counts, key=lambda label: (-counts[label], label))
        for cluster, counts in labels.items()
        if len(counts) > 1
    }
    return {
        i: tuple(label for label in ranked[cluster] if label != own)
        for i, (cluster, own) in enumerate(zip(rows.clusters, rows.given.tolist(), strict=True))
        if cluster in ranked
    }


def contradicted(rows: LabelledRows, except_for: Sequence[LabelError]) -> list[LabelError]:
    """Return the rows whose label is not the most frequent one of their near duplicates, in the order of the split.

    Of two labels with the same number of rows, either row is listed. This needs no model, so rows of all classes are
    judged; those in `except_for` are left out.
    """
    known = {error.index for error in except_for}
    counts = Counter(zip(rows.clusters, rows.given.tolist(), strict=True))
    found = []
    for i, others in labels_of_duplicates(rows).items():
        cluster, own = rows.clusters[i], int(rows.given[i])
        if i not in known and counts[cluster, others[0]] >= counts[cluster, own]:
            found.append(LabelError(i, rows.row_ids[i], own, others[0], "near duplicates", others))
    return found


@dataclass(frozen=True)
class Measured:
    """A list of likely wrong labels measured against planted ones; ratios are None where the denominator is 0."""

    listed: int
    found: int
    """Listed rows whose label was planted wrong."""
    planted: int
    """Rows of judged classes whose label was planted wrong."""
    base_rate: float | None
    """Share of planted rows among the judged ones: the precision of a random list."""
    precision: float | None
    recall: float | None
    right_suggestions: float | None
    """Share of the found rows whose suggested class is the one that the text was written for."""
    precision_of_first: Mapping[int, float]
    """Precision of the first rows of the list, by their number."""


def measure(judgement: Judgement, rows: LabelledRows, planted: Mapping[str, str], names: Sequence[str]) -> Measured:
    """Return precision and recall of a list, measured by the planted wrong labels of a synthetic corpus.

    Args:
        judgement: The list.
        rows: The rows that were judged.
        planted: The class that the text was written for, by row id of the wrongly labelled rows.
        names: Class names; a planted class that the label map merges with the given one does not count.
    """
    wrong = {
        row_id: planted[row_id]
        for row_id, given in zip(rows.row_ids, rows.given.tolist(), strict=True)
        if row_id in planted and judgement.judged[given] and planted[row_id] != names[given]
    }
    hits = [error.row_id in wrong for error in judgement.errors]
    found = sum(hits)
    right = sum(names[e.suggested] == wrong[e.row_id] for e in judgement.errors if e.row_id in wrong)
    first = {n: _ratio(sum(hits[:n]), n) or 0.0 for n in (50, 100, 200) if n <= len(hits)}
    return Measured(
        listed=len(hits),
        found=found,
        planted=len(wrong),
        base_rate=_ratio(len(wrong), judgement.judged_rows),
        precision=_ratio(found, len(hits)),
        recall=_ratio(found, len(wrong)),
        right_suggestions=_ratio(right, found),
        precision_of_first=first,
    )


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, DIGITS) if whole else None
