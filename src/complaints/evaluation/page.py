"""The report of an evaluation: tables, scoreboard.md, figures, and the page that shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from complaints.deciding.row_names import FLOOR
from complaints.evaluation import figures
from complaints.evaluation.analyses import ANALYSIS_FILES, write_analyses
from complaints.evaluation.differences import write_differences
from complaints.evaluation.histories import History
from complaints.evaluation.markdown import (
    EXPLANATION,
    HEADER,
    SHOWN_SPLITS,
    SYNTHETIC,
    absent_classes,
    cells,
    ensemble_parts,
    markdown,
    size,
    titled_subsets,
)
from complaints.evaluation.params import EvaluateParams
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.tables import CSV_FILES, confusions, write_tables
from complaints.evaluation.tradeoff import tradeoff_section
from complaints.evaluation.truth import Truth, by_frequency, tiers
from complaints.reporting.html_page import Cell, Section, render
from complaints.scoring import metrics

MARKDOWN_FILE = "scoreboard.md"
PAGE_FILE = "index.html"


def write_report(
    folder: Path,
    truth: Truth,
    rows: Sequence[ScoreboardRow],
    histories: Mapping[str, History],
    p: EvaluateParams,
    more_sections: Sequence[Section] = (),
) -> None:
    """Write the tables, scoreboard.md, the figures and index.html, which links to every CSV file in the folder.

    Args:
        folder: An existing folder.
        truth: The classes and the splits.
        rows: The rows of the scoreboard.
        histories: The learning curves of each fine-tuned model, by its name.
        p: The parameters of the stage.
        more_sections: Sections for the end of the page.
    """
    write_tables(folder, truth, rows)
    write_analyses(folder, truth, rows, p.resamples)
    write_differences(folder, truth, rows, p.resamples)
    (folder / MARKDOWN_FILE).write_text(markdown(truth, rows), encoding="utf-8", newline="\n")
    files = (*CSV_FILES, *ANALYSIS_FILES)
    lead = f"{size(truth)} {ensemble_parts(rows)} The tables are also in {', '.join(files[:-1])} and {files[-1]}."
    sections = [
        *(
            Section(f"Scoreboard, {title}", absent_classes(rows, subset), HEADER, _scoreboard(rows, subset))
            for subset, title in titled_subsets(truth)
        ),
        Section("How to read it", EXPLANATION),
        _tier_table(rows),
        *_product_table(rows),
        *_given_product_table(rows),
        *_figures(folder, truth, rows, histories, p.worst_pairs),
        *more_sections,
    ]
    linked = sorted(path.name for path in folder.glob("*.csv"))
    page = render("Evaluation", lead, sections, SYNTHETIC if truth.synthetic else "", linked)
    (folder / PAGE_FILE).write_text(page, encoding="utf-8", newline="\n")


def _scoreboard(rows: Sequence[ScoreboardRow], subset: str) -> list[list[Cell]]:
    return [cells(row, row.values[subset], row.intervals[subset]) for row in rows]


def _tier_table(rows: Sequence[ScoreboardRow]) -> Section:
    lines: list[list[Cell]] = [
        [row.name, *(row.values["test"].get(f"macro_f1_{tier}") for tier in figures.TIER_COLORS)] for row in rows
    ]
    text = (
        "Mean F1 over the classes with test rows: head = the 20 classes most frequent in training, mid = the next 40, "
        "tail = all others."
    )
    return Section("Frequent and rare classes, test", text, ("model", *figures.TIER_COLORS), lines)


def _product_table(rows: Sequence[ScoreboardRow]) -> list[Section]:
    """Return a section with the scores by product, none if no test row has a product."""
    metrics_of_products = ("product_accuracy", "product_macro_f1")
    lines: list[list[Cell]] = [
        [row.name, *(row.values["test"].get(name) for name in metrics_of_products)] for row in rows
    ]
    text = (
        "Products of the test rows that have one. A predicted class counts as the product that most of its complaints "
        "are about, so confusing two issues of one product is not an error here."
    )
    header = ("model", "accuracy", "macro-F1")
    return [] if lines[0][1] is None else [Section("The right product, test", text, header, lines)]


def _given_product_table(rows: Sequence[ScoreboardRow]) -> list[Section]:
    """Return a section with the scores if the product is known, none if no test row has a product."""
    known = [
        cells(row, row.given_product["test"].values, row.given_product["test"].intervals)
        for row in rows
        if "test" in row.given_product
    ]
    text = "Another task: classes that never occur with the row's product in training are no candidates."
    return [Section("Given the product, test", text, HEADER, known)] if known else []


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
        *tradeoff_section(folder, rows),
        *([_learning_curves(folder / "learning_curves.png", histories)] if histories else []),
        *(_per_class_f1(folder / f"per_class_f1_{row.name}.png", classes, row) for row in models),
        *(_confusions(folder / f"confusions_{row.name}.png", truth, row, worst_pairs) for row in models),
        Section("Label distribution", text, png=distribution),
    ]


def _macro_f1(path: Path, rows: Sequence[ScoreboardRow]) -> Section:
    series = {split: [_macro_f1_of(row, split) for row in rows] for split in SHOWN_SPLITS}
    figures.macro_f1(path, "Macro-F1 and 95 % interval", [row.name for row in rows], series)
    return Section("Macro-F1", png=path)


def _macro_f1_of(row: ScoreboardRow, split: str) -> tuple[float, float, float]:
    """Return macro-F1 and the ends of its interval."""
    return row.values[split]["macro_f1"], *row.intervals[split]["macro_f1"]


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
