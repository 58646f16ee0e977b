"""The scoreboard, per-class scores and confusions as CSV files, and the metrics for metrics.json."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from complaints.core.csv_files import write_csv
from complaints.core.schema import HELD_OUT
from complaints.deciding.row_names import FLOOR
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.subset_scores import SubsetScores
from complaints.evaluation.truth import Truth, by_frequency, tiers

CSV_FILES = ("scoreboard.csv", "given_product.csv", "per_class.csv", "confusions.csv")

KEYS = ("model", "split", "tau", "temperature", "weights")

GIVEN_PRODUCT = "_given_product"
"""End of the names of subsets in metrics.json on which the product is known."""


def confusions(truth: Truth, row: ScoreboardRow, split: str) -> list[tuple[int, int, int, float]]:
    """Return (true id, predicted id, rows, share of the true class) of each confusion, the most frequent first."""
    classes = len(truth.labels)
    true, predicted = truth.label_ids[split], row.predicted[split]
    wrong = true != predicted
    pairs, counts = np.unique(true[wrong] * classes + predicted[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    support = row.scores[split].support
    return [
        (int(pair // classes), int(pair % classes), int(count), float(count / support[pair // classes]))
        for pair, count in zip(pairs[order], counts[order], strict=True)
    ]


def metrics_json(rows: Sequence[ScoreboardRow]) -> dict[str, dict[str, dict[str, float]]]:
    """Return {row: {subset: {metric: value}}}; scores given the product are a subset of their own."""
    return {
        row.name: row.values | {f"{split}{GIVEN_PRODUCT}": found.values for split, found in row.given_product.items()}
        for row in rows
    }


def write_tables(folder: Path, truth: Truth, rows: Sequence[ScoreboardRow]) -> None:
    """Write CSV_FILES into a folder: the scoreboards, scores per class, and confusions (of all rows but the floor)."""
    scoreboard, given_product, per_class, confused = (folder / name for name in CSV_FILES)
    lines = [
        (_keys(row, subset), SubsetScores(row.scores[subset], row.values[subset], row.intervals[subset]))
        for row in rows
        for subset in truth.subsets
    ]
    write_scores(scoreboard, KEYS, lines)
    lines = [(_keys(row, split), found) for row in rows for split, found in row.given_product.items()]
    write_scores(given_product, KEYS, lines)

    support, tier = truth.train_support, tiers(truth.train_support)
    write_csv(
        per_class,
        ["model", "split", "label", "tier", "support_train", "support", "precision", "recall", "f1"],
        (
            [row.name, split, truth.labels[i], tier[i], int(support[i]), int(scores.support[i])]
            + [round(float(column[i]), 6) for column in (scores.precision, scores.recall, scores.f1)]
            for row in rows
            for split, scores in ((split, row.scores[split]) for split in HELD_OUT)
            for i in by_frequency(support)
        ),
    )
    write_csv(
        confused,
        ["model", "split", "true", "predicted", "count", "share"],
        (
            [row.name, split, truth.labels[true], truth.labels[predicted], count, round(share, 6)]
            for row in rows
            if row.model != FLOOR
            for split in HELD_OUT
            for true, predicted, count, share in confusions(truth, row, split)
        ),
    )


def _keys(row: ScoreboardRow, subset: str) -> list[object]:
    return [row.name, subset, row.tau, None if row.rule is None else row.rule.temperature, row.weights]


def write_scores(path: Path, keys: Sequence[str], lines: Sequence[tuple[Sequence[object], SubsetScores]]) -> None:
    """Write a table of scores: keys, rows, and each metric, with `<metric>_low` and `<metric>_high` if it has them.

    Args:
        path: The CSV file.
        keys: Names of the columns that identify a line.
        lines: Values of these columns, and the scores. The cell of a metric that a line does not have is empty.
    """
    values = list(dict.fromkeys(name for _, found in lines for name in found.values))
    bounded = {name for _, found in lines for name in found.intervals}
    header = [*keys, "rows"]
    for name in values:
        header += [name, f"{name}_low", f"{name}_high"] if name in bounded else [name]
    write_csv(path, header, ([*key, *_cells(found, values, bounded)] for key, found in lines))


def _cells(found: SubsetScores, values: Sequence[str], bounded: set[str]) -> list[object]:
    cells: list[object] = [int(found.scores.support.sum())]
    for name in values:
        cells.append(found.values.get(name))
        if name in bounded:
            cells += found.intervals.get(name, (None, None))
    return cells
