"""The report of an evaluation: tables, scoreboard.md, figures, and the page that shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from complaints.evaluation import figures
from complaints.evaluation.histories import History
from complaints.evaluation.markdown import (
    EXPLANATION,
    HEADER,
    SHOWN_SPLITS,
    SYNTHETIC,
    absent_classes,
    cells,
    markdown,
    size,
    titled_subsets,
)
from complaints.evaluation.products import product_scores
from complaints.evaluation.scoreboard import FLOOR, ScoreboardRow, Truth, by_frequency, tiers
from complaints.evaluation.tables import CSV_FILES, confusions, write_tables
from complaints.reporting.html_page import Cell, Section, render
from complaints.scoring import metrics

MARKDOWN_FILE = "scoreboard.md"
PAGE_FILE = "index.html"


def write_report(
    folder: Path,
    truth: Truth,
    rows: Sequence[ScoreboardRow],
    histories: Mapping[str, History],
    worst_pairs: int,
    more_sections: Sequence[Section] = (),
) -> None:
    """Write the tables, scoreboard.md, the figures and index.html, which links to every CSV file in the folder.

    Args:
        folder: An existing folder.
        truth: The classes and the splits.
        rows: The rows of the scoreboard.
        histories: The learning curves of each fine-tuned model, by its name.
        worst_pairs: The number of confusions that a figure shows.
        more_sections: Sections for the end of the page.
    """
    write_tables(folder, truth, rows)
    (folder / MARKDOWN_FILE).write_text(markdown(truth, rows), encoding="utf-8", newline="\n")
    lead = f"{size(truth)} The tables are also in {', '.join(CSV_FILES[:-1])} and {CSV_FILES[-1]}."
    sections = [
        *(
            Section(f"Scoreboard, {title}", absent_classes(rows, subset), HEADER, [cells(row, subset) for row in rows])
            for subset, title in titled_subsets(truth)
        ),
        Section("How to read it", EXPLANATION),
        _tier_table(truth, rows),
        *_product_table(truth, rows),
        *_figures(folder, truth, rows, histories, worst_pairs),
        *more_sections,
    ]
    linked = sorted(path.name for path in folder.glob("*.csv"))
    page = render("Evaluation", lead, sections, SYNTHETIC if truth.synthetic else "", linked)
    (folder / PAGE_FILE).write_text(page, encoding="utf-8", newline="\n")


def _tier_table(truth: Truth, rows: Sequence[ScoreboardRow]) -> Section:
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


def _product_table(truth: Truth, rows: Sequence[ScoreboardRow]) -> list[Section]:
    """Return a section with the scores by product, none if no test row has a product."""
    lines: list[list[Cell]] = []
    text = ""
    for row in rows:
        scores = product_scores(truth.hierarchy, truth.products["test"], row.predicted["test"])
        if scores is None:
            return []
        lines.append([row.name, scores.accuracy, scores.macro_f1])
        text = (
            f"The {scores.products} products of {scores.rows:,} test rows. A predicted class counts as the product "
            "that most of its complaints are about, so confusing two issues of one product is not an error here."
        )
    return [Section("The right product, test", text, ("model", "accuracy", "macro-F1"), lines)]


def _figures(
    folder: Path,
    truth: Truth,
    rows: Sequence[ScoreboardRow],
    histories: Mapping[str, History],
    worst_pairs: int,
) -> list[Section]:
    """Draw the figures into the folder and return the sections that show them."""
    models = [row for row in rows if row.tau is None and row.model != FLOOR]
    support = truth.train_support
    classes = figures.ClassList(truth.labels, by_frequency(support).tolist(), support, tiers(support))
    distribution = folder / "label_distribution.png"
    figures.label_distribution(distribution, "Training rows per class", classes)
    text = "Training rows of each class, on a logarithmic scale."
    return [
        _macro_f1(folder / "macro_f1.png", rows),
        *([_learning_curves(folder / "learning_curves.png", histories)] if histories else []),
        *(_per_class_f1(folder / f"per_class_f1_{row.name}.png", classes, row) for row in models),
        *(_confusions(folder / f"confusions_{row.name}.png", truth, row, worst_pairs) for row in models),
        Section("Label distribution", text, png=distribution),
    ]


def _macro_f1(path: Path, rows: Sequence[ScoreboardRow]) -> Section:
    series = {
        split: ([row.values[split]["macro_f1"] for row in rows], [row.errors[split]["macro_f1"] for row in rows])
        for split in SHOWN_SPLITS
    }
    figures.macro_f1(path, "Macro-F1 ± standard error", [row.name for row in rows], series)
    return Section("Macro-F1", png=path)


def _learning_curves(path: Path, histories: Mapping[str, History]) -> Section:
    figures.learning_curves(path, histories)
    return Section("Learning curves", png=path)


def _per_class_f1(path: Path, classes: figures.ClassList, row: ScoreboardRow) -> Section:
    scores = row.scores["test"]
    figures.per_class_f1(path, f"{row.name}: F1 per class, test split", classes, scores)
    present = len(classes.labels) - metrics.absent_classes(scores)
    text = (
        f"From the most to the least frequent class in training. {metrics.zero_f1_classes(scores)} of the {present} "
        "classes with test rows have F1 = 0 (red). "
    ) + ("Classes without test rows are grey." if present < len(classes.labels) else "")
    return Section(f"{row.name}: F1 per class, test", text, png=path)


def _confusions(path: Path, truth: Truth, row: ScoreboardRow, worst_pairs: int) -> Section:
    heading = f"{row.name}: worst confusions, test"
    pairs = [
        (truth.labels[true], truth.labels[predicted], count, share)
        for true, predicted, count, share in confusions(truth, row, "test")[: min(worst_pairs, figures.MOST_PAIRS)]
    ]
    if not pairs:
        return Section(heading, "No test row is confused.")
    figures.confusions(path, f"{row.name}: true class → predicted class, test split", pairs)
    text = f"The {len(pairs)} most frequent confusions; the share is of all rows of the true class."
    return Section(heading, text, png=path)
