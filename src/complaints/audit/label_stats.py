"""Raw labels of a data set: complaints per label, their years and quarters, and labels with nearly the same name."""

import difflib
import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from complaints.core.columns import NO_DAY

RARE = (5, 10, 50)
"""Limits below which a label counts as rare; the audit counts the labels below each of them."""

ALIKE = 0.9
"""Two names are nearly the same if difflib's ratio of them, without case and punctuation, is at least this."""

COMPARED = 1000
"""Only this many names, the most frequent ones, are compared with each other."""


def date_numbers(day: np.ndarray) -> dict[str, Any]:
    """Return the first and the last date, None if no row has one, and the number of rows without a date."""
    dated = day[day != NO_DAY].astype("datetime64[D]")
    first, last = (str(dated.min()), str(dated.max())) if len(dated) else (None, None)
    return {"first": first, "last": last, "missing": len(day) - len(dated)}


def label_numbers(counts: np.ndarray, missing: int) -> dict[str, Any]:
    """Return numbers on the long tail of labels; `counts` are the complaints of each label."""
    return {
        "distinct": len(counts),
        "missing": missing,
        "largest_share": round(float(counts.max() / counts.sum()), 4),
        "imbalance_ratio": round(float(counts.max() / counts.min()), 1),
        **{f"under_{limit}": int(np.sum(counts < limit)) for limit in RARE},
    }


def label_years(label: np.ndarray, day: np.ndarray, names: Sequence[str]) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows of a table: label, first and last day, complaints in each year that has any.

    Undated complaints are left out, and so are labels without dated complaints. Rows are in the order of `names`.

    Args:
        label: Indices into `names` [rows], -1 for none.
        day: Days as `core.columns.days` returns them [rows].
        names: The labels.
    """
    dated = (label >= 0) & (day != NO_DAY)
    label, date = label[dated], day[dated].astype("datetime64[D]")
    if not len(date):
        return ["label", "first", "last"], []
    years, year = np.unique(date.astype("datetime64[Y]"), return_inverse=True)
    counts = np.zeros((len(names), len(years)), int)
    np.add.at(counts, (label, year), 1)
    first, last = np.full(len(names), date.max()), np.full(len(names), date.min())
    np.minimum.at(first, label, date)
    np.maximum.at(last, label, date)
    rows = [[name, str(first[i]), str(last[i]), *counts[i].tolist()] for i, name in enumerate(names) if counts[i].any()]
    return ["label", "first", "last", *map(str, years)], rows


def quarters(label: np.ndarray, day: np.ndarray, labels: int) -> tuple[int, np.ndarray]:
    """Return the complaints of each label in each quarter from the first quarter with complaints on.

    Args:
        label: Label ids [rows]; -1 and ids of at least `labels` are left out.
        day: Days as `core.columns.days` returns them [rows].
        labels: Number of labels to count.

    Returns:
        The first quarter, in quarters since 1970, and counts, int64 [labels, quarters]; without dated complaints the
        number of quarters is 0.
    """
    counted = (label >= 0) & (label < labels) & (day != NO_DAY)
    quarter = day[counted].astype("datetime64[D]").astype("datetime64[M]").astype(int) // 3
    if not len(quarter):
        return 0, np.zeros((labels, 0), int)
    first = int(quarter.min())
    counts = np.zeros((labels, int(quarter.max()) - first + 1), int)
    np.add.at(counts, (label[counted], quarter - first), 1)
    return first, counts


def fold(name: str) -> str:
    """Return a name without case and punctuation, its words separated by single blanks."""
    return " ".join(re.sub(r"[\W_]+", " ", name.casefold()).split())


def similar_names(names: Sequence[str]) -> list[tuple[str, str, float]]:
    """Return pairs of names that are nearly the same with difflib's ratio, in descending order of the ratio.

    `names` are in descending order of frequency; only the first COMPARED are compared. A ratio of 1 means that the
    names differ at most in case and punctuation.
    """
    folded = [(name, fold(name)) for name in names[:COMPARED]]
    pairs = []
    for (one, a), (other, b) in combinations(folded, 2):
        # The lengths alone bound the ratio; this excludes most pairs.
        if 2 * min(len(a), len(b)) < ALIKE * (len(a) + len(b)):
            continue
        matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
        if matcher.quick_ratio() >= ALIKE and (ratio := matcher.ratio()) >= ALIKE:
            pairs.append((one, other, round(ratio, 3)))
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
