"""The scoreboard for people: as Markdown, and as one page with pictures."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from complaints.core.errors import UserError
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.evaluation import figures
from complaints.evaluation.products import product_scores
from complaints.evaluation.scoreboard import FLOOR, REFERENCE, Row, Truth, by_frequency, tiers
from complaints.evaluation.tables import confusions, write_tables
from complaints.reporting.html_page import Cell, Section, render
from complaints.scoring import metrics

SYNTHETIC = "SYNTHETIC DATA: a program made up these complaints. The figures say nothing about real complaints."
HEADER = ("model", "accuracy", "macro-F1", "weighted F1", "zero-F1 classes", "rescued", "tau")
PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
"""A figure and its error stay on one line of a narrow page."""
SHOWN = tuple(reversed(HELD_OUT))
"""The test split comes first: it is what the figures are read for."""

EXPLANATION = (
    "Macro-F1 is the mean F1 over the classes that a split holds or a model predicts there. ± is one standard error: "
    "sqrt(p (1 - p) / n) for accuracy, a bootstrap over rows for macro-F1. Zero-F1 classes are the classes with rows "
    f"in the split none of which the model finds; rescued are those among them that {REFERENCE} misses and this row "
    "finds. An adjusted row subtracts tau x log prior from the logits (Menon et al. 2021); tau is chosen by macro-F1 "
    "on validation, so the adjusted validation figures are a little too good."
)


def _read_columns(path: Path, names: set[str]) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = names - set(reader.fieldnames or ())
            if missing:
                raise UserError(f"{path} has no column {min(missing)}; run `dvc repro` to make it again")
            return list(reader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to make it") from None


def read_history(folder: Path) -> figures.History:
    """Read steps.csv and epochs.csv of a fine-tuning run.

    Raises:
        UserError: if a file is missing or lacks a column.
    """
    scores = {"step", "validation_loss", "validation_accuracy", "validation_macro_f1"}
    return figures.History(
        steps=_read_columns(folder / "steps.csv", {"step", "loss"}),
        epochs=_read_columns(folder / "epochs.csv", scores),
    )


def _shown(truth: Truth) -> list[tuple[str, str]]:
    """Return (part, title) of all parts, test and then validation, the never-seen rows of each behind it."""
    parts = sorted(truth.parts, key=lambda part: (SHOWN.index(truth.parts[part][0]), part))
    return [(part, _title(truth, part)) for part in parts]


def _title(truth: Truth, part: str) -> str:
    split, rows = truth.parts[part]
    return split if part == split else f"{split}, the {len(rows):,} rows of which train has no copy"


def _size(truth: Truth) -> str:
    rows = ", ".join(f"{len(truth.row_ids[split]):,} {split}" for split in SPLITS)
    return f"{len(truth.labels)} classes; rows: {rows}."


def _absent(rows: Sequence[Row], part: str) -> str:
    absent = metrics.absent_classes(rows[0].scores[part])
    return f"{absent} of {len(rows[0].scores[part].f1)} classes have no row here." if absent else ""


def _line(row: Row, part: str) -> list[Cell]:
    value, error = row.values[part], row.errors[part]
    return [
        row.name,
        f"{value['accuracy']:.3f}{PLUS_MINUS}{error['accuracy']:.3f}",
        f"{value['macro_f1']:.3f}{PLUS_MINUS}{error['macro_f1']:.3f}",
        value["weighted_f1"],
        value["zero_f1_classes"],
        value["rescued"],
        row.tau,
    ]


def markdown(truth: Truth, rows: Sequence[Row]) -> str:
    """Return the scoreboard as Markdown whose columns also line up in a terminal."""
    parts = ["# Scoreboard", *([f"**{SYNTHETIC}**"] if truth.synthetic else []), _size(truth)]
    for part, title in _shown(truth):
        parts += [f"## {title}", *filter(None, [_absent(rows, part)]), _markdown_table(rows, part)]
    return "\n\n".join([*parts, EXPLANATION]) + "\n"


def _markdown_table(rows: Sequence[Row], part: str) -> str:
    cells = [list(HEADER)]
    for row in rows:
        cells.append([f"{c:.3f}" if isinstance(c, float) else "" if c is None else str(c) for c in _line(row, part)])
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADER))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in cells
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in [padded[0], rule, *padded[1:]])


def _tier_table(truth: Truth, rows: Sequence[Row]) -> Section:
    tier = np.array(tiers(truth.train_support))
    lines: list[list[Cell]] = []
    for row in rows:
        scores = row.scores["test"]
        means = [scores.f1[(tier == name) & (scores.support > 0)] for name in figures.TIER_COLORS]
        lines.append([row.name, *(float(values.mean()) if len(values) else None for values in means)])
    text = (
        "Mean F1 over the classes with test rows: head = the 20 classes most frequent in training, mid = the next 40, "
        "tail = all others."
    )
    return Section("Frequent and rare classes, test", text, ("model", *figures.TIER_COLORS), lines)


def _product_table(truth: Truth, rows: Sequence[Row]) -> list[Section]:
    """Return the scores by product, nothing where no test row has one."""
    lines: list[list[Cell]] = []
    text = ""
    for row in rows:
        scores = product_scores(truth.hierarchy, truth.products["test"], row.predicted["test"])
        if scores is None:
            return []
        lines.append([row.name, scores.accuracy, scores.macro_f1])
        text = (
            f"The {scores.products} products of {scores.rows:,} test rows: a class counts as the product that "
            "it is mostly complained about with, so that taking one issue of a product for another is right here."
        )
    return [Section("The right product, test", text, ("model", "accuracy", "macro-F1"), lines)]


def _pictures(
    folder: Path, truth: Truth, rows: Sequence[Row], histories: dict[str, figures.History], worst_pairs: int
) -> list[Section]:
    """Draw the pictures into `folder` and return the sections that show them."""
    raw = [row for row in rows if row.tau is None and row.model != FLOOR]
    order, support = by_frequency(truth.train_support).tolist(), truth.train_support
    series = {
        split: ([row.values[split]["macro_f1"] for row in rows], [row.errors[split]["macro_f1"] for row in rows])
        for split in SHOWN
    }
    figures.macro_f1(folder / "macro_f1.png", "Macro-F1 ± standard error", [row.name for row in rows], series)
    sections = [Section("Macro-F1", png=folder / "macro_f1.png")]
    if histories:
        figures.learning_curves(folder / "learning_curves.png", histories)
        sections.append(Section("Learning curves", png=folder / "learning_curves.png"))
    for row in raw:
        path = folder / f"per_class_f1_{row.name}.png"
        scores = row.scores["test"]
        held = len(truth.labels) - metrics.absent_classes(scores)
        title = f"{row.name}: F1 per class, test split"
        figures.per_class_f1(path, title, truth.labels, order, support, scores)
        text = (
            f"From the most to the least frequent class in training. {metrics.zero_f1_classes(scores)} of the {held} "
            "classes with test rows have F1 = 0 (red). "
        ) + ("Classes without test rows are grey." if held < len(truth.labels) else "")
        sections.append(Section(f"{row.name}: F1 per class, test", text, png=path))
    for row in raw:
        path = folder / f"confusions_{row.name}.png"
        pairs = [
            (truth.labels[true], truth.labels[predicted], count, share)
            for true, predicted, count, share in confusions(truth, row, "test")[:worst_pairs]
        ]
        if not pairs:
            sections.append(Section(f"{row.name}: worst confusions, test", "No test row is confused."))
            continue
        figures.confusions(path, f"{row.name}: true class → predicted class, test split", pairs)
        text = f"The {len(pairs)} most frequent confusions; share is of all rows of the true class."
        sections.append(Section(f"{row.name}: worst confusions, test", text, png=path))
    path = folder / "label_distribution.png"
    figures.label_distribution(path, "Training rows per class", truth.labels, order, support, tiers(support))
    sections.append(Section("Label distribution", "Training rows of each class, on a logarithmic scale.", png=path))
    return sections


def write_report(
    folder: Path, truth: Truth, rows: Sequence[Row], histories: dict[str, figures.History], worst_pairs: int
) -> None:
    """Write the tables, scoreboard.md, the pictures and index.html into an existing folder.

    `histories` maps the names of the fine-tuned models to their learning curves, `worst_pairs` is how many confusions
    a picture shows.
    """
    write_tables(folder, truth, rows)
    (folder / "scoreboard.md").write_text(markdown(truth, rows), encoding="utf-8", newline="\n")
    tables = [
        Section(f"Scoreboard, {title}", _absent(rows, part), HEADER, [_line(row, part) for row in rows])
        for part, title in _shown(truth)
    ]
    sections = [
        *tables,
        Section("How to read it", EXPLANATION),
        _tier_table(truth, rows),
        *_product_table(truth, rows),
        *_pictures(folder, truth, rows, histories, worst_pairs),
    ]
    page = render("Evaluation", _size(truth), sections, SYNTHETIC if truth.synthetic else "")
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")
