"""The scoreboard as Markdown, and the words and cells that it shares with the page."""

from collections.abc import Sequence

from complaints.core.schema import HELD_OUT, SPLITS
from complaints.evaluation.scoreboard import ScoreboardRow, Truth
from complaints.reporting.html_page import Cell
from complaints.scoring import metrics

SYNTHETIC = "SYNTHETIC DATA: a program made up these complaints. The scores say nothing about real complaints."
HEADER = ("model", "accuracy", "macro-F1", "weighted F1", "zero-F1 classes", "rescued", "tau", "weights")
PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
"""A value and its error stay on one line of a narrow page."""

SHOWN_SPLITS = tuple(reversed(HELD_OUT))
"""The test split comes first: a reader looks for its scores."""

EXPLANATION = (
    "Macro-F1 is the mean F1 over the classes that have rows in the split or are predicted there. ± is one standard "
    "error: for accuracy, half the width of the Wilson score interval at z = 1; for macro-F1, a bootstrap over rows, "
    "which is 0 if no row is wrong. Zero-F1 classes: with rows in the split, F1 = 0. Rescued: F1 = 0 under TF-IDF, "
    "above 0 here. An adjusted row has the labels of its decision rule, which the stage decide fitted on validation, "
    "and on out-of-fold predictions of train where there are any: log-probabilities are divided by a temperature, and "
    "tau x log prior is subtracted (Menon et al. 2021); the ensemble weights the log-probabilities of several models "
    "(column weights). So the validation scores of adjusted rows are slightly too good; models/rules/ has cross-fitted "
    "ones."
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


def cells(row: ScoreboardRow, subset: str) -> list[Cell]:
    """Return the cells under HEADER."""
    value, error = row.values[subset], row.errors[subset]
    return [
        row.name,
        f"{value['accuracy']:.3f}{PLUS_MINUS}{error['accuracy']:.3f}",
        f"{value['macro_f1']:.3f}{PLUS_MINUS}{error['macro_f1']:.3f}",
        value["weighted_f1"],
        value["zero_f1_classes"],
        value["rescued"],
        row.tau,
        row.weights,
    ]


def markdown(truth: Truth, rows: Sequence[ScoreboardRow]) -> str:
    """Return the scoreboard as Markdown with columns that are aligned in a terminal as well."""
    paragraphs = ["# Scoreboard", *([f"**{SYNTHETIC}**"] if truth.synthetic else []), size(truth)]
    for subset, title in titled_subsets(truth):
        paragraphs += [f"## {title}", *filter(None, [absent_classes(rows, subset)]), _table(rows, subset)]
    return "\n\n".join([*paragraphs, EXPLANATION]) + "\n"


def _table(rows: Sequence[ScoreboardRow], subset: str) -> str:
    lines = [list(HEADER), *([_text(cell) for cell in cells(row, subset)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in [padded[0], rule, *padded[1:]])


def _text(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else str(cell)
