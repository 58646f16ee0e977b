"""The scoreboard as Markdown, and the words and cells that it shares with the page."""

from collections.abc import Mapping, Sequence

from complaints.core.schema import HELD_OUT, SPLITS
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.truth import Truth
from complaints.reporting.html_page import Cell
from complaints.reporting.markdown_table import markdown_table
from complaints.scoring import metrics

SYNTHETIC = "SYNTHETIC DATA: a program made up these complaints. The scores say nothing about real complaints."
COLUMNS = {
    "accuracy": "accuracy",
    "macro-F1": "macro_f1",
    "macro-F1 ≥ 10": "macro_f1_10",
    "weighted F1": "weighted_f1",
    "balanced acc.": "balanced_accuracy",
    "top-3": "top3_accuracy",
    "zero-F1": "zero_f1_classes",
    "rescued": "rescued",
}
"""Heading -> name of the metric."""
HEADER = ("model", *COLUMNS, "tau")

SHOWN_SPLITS = tuple(reversed(HELD_OUT))
"""The test split comes first: a reader looks for its scores."""

EXPLANATION = (
    "Below each score is its 95 % interval, by a bootstrap over clusters of near duplicates. Overlapping intervals "
    "do not mean that two rows are equal: `complaints compare A B` tests one. Macro-F1 is the mean F1 over the "
    "classes that have rows; ≥ 10: over those with at least 10. Balanced accuracy is the mean recall over the "
    "classes that have rows. Top-3: the true class is among the first three. Zero-F1: classes with rows and F1 = 0. "
    "Rescued: F1 = 0 under TF-IDF, above 0 here. An adjusted row has the labels of its decision rule, which the "
    "stage decide fitted on validation, and on out-of-fold predictions of train where there are any: log- "
    "probabilities are divided by a temperature, and tau x log prior is subtracted (Menon et al. 2021); the "
    "ensemble weights the log-probabilities of several models. So the validation scores of adjusted rows are "
    "slightly too good; models/rules/ has cross-fitted ones. Given the product, classes that never occur with it in "
    "training are no candidates: another task, not to be compared with the others."
)


def titled_subsets(truth: Truth) -> list[tuple[str, str]]:
    """Return (name, title) of each scored subset: test before validation, a split before its never-seen rows."""
    names = sorted(truth.subsets, key=lambda name: (SHOWN_SPLITS.index(truth.subsets[name][0]), name))
    return [(name, _title(truth, name)) for name in names]


def _title(truth: Truth, subset: str) -> str:
    split, indices = truth.subsets[subset]
    return split if subset == split else f"{split}, the {len(indices):,} rows without a duplicate in train"


def size(truth: Truth) -> str:
    """Return a sentence with the numbers of classes and rows."""
    rows = ", ".join(f"{len(truth.row_ids[split]):,} {split}" for split in SPLITS)
    return f"{len(truth.labels)} classes; rows: {rows}."


def absent_classes(rows: Sequence[ScoreboardRow], subset: str) -> str:
    """Return a sentence on the classes without rows in a subset, "" if there are none."""
    scores = rows[0].scores[subset]
    absent = metrics.absent_classes(scores)
    return f"{absent} of {len(scores.f1)} classes have no rows here." if absent else ""


def ensemble_parts(rows: Sequence[ScoreboardRow]) -> str:
    """Return a sentence with the parts and weights of ensembles, "" if there are none."""
    parts = [f"{row.name} weights the log-probabilities of its parts: {row.weights}." for row in rows if row.weights]
    return " ".join(parts)


def cells(row: ScoreboardRow, values: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]) -> list[Cell]:
    """Return the cells under HEADER, each score with its interval, from values and intervals by metric."""
    scores = [_with_interval(values.get(name), intervals.get(name)) for name in COLUMNS.values()]
    return [row.name, *scores, row.tau]


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> Cell:
    return value if interval is None else f"{_text(value)} ({_range(interval)})"


def _range(interval: tuple[float, float]) -> str:
    """Return an interval without leading zeros: two rows of numbers are to fit into a terminal."""
    return "–".join(f"{end:.3f}".removeprefix("0") for end in interval)


def markdown(truth: Truth, rows: Sequence[ScoreboardRow]) -> str:
    """Return the scoreboard as Markdown with columns that are aligned in a terminal as well."""
    paragraphs = ["# Scoreboard", *([f"**{SYNTHETIC}**"] if truth.synthetic else []), size(truth)]
    paragraphs += filter(None, [ensemble_parts(rows)])
    for subset, title in titled_subsets(truth):
        table = _table([(row, row.values[subset], row.intervals[subset]) for row in rows])
        paragraphs += [f"## {title}", *filter(None, [absent_classes(rows, subset)]), table]
    if known := [(row, row.given_product["test"]) for row in rows if "test" in row.given_product]:
        table = _table([(row, found.values, found.intervals) for row, found in known])
        paragraphs += ["## test, given the product: another task", table]
    return "\n\n".join([*paragraphs, EXPLANATION]) + "\n"


def _table(rows: Sequence[tuple[ScoreboardRow, Mapping[str, float], Mapping[str, tuple[float, float]]]]) -> str:
    """Return a table of (row, values, intervals) by metric, with two lines for each row."""
    lines: list[list[str]] = [list(HEADER)]
    for row, values, intervals in rows:
        lines.append([row.name, *(_text(values.get(name)) for name in COLUMNS.values()), _text(row.tau)])
        lines.append(["", *(_range(intervals[name]) if name in intervals else "" for name in COLUMNS.values()), ""])
    return markdown_table(lines, [False] + [True] * (len(HEADER) - 1))


def _text(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else str(cell)
