"""The scoreboard, per-class scores and confusions as CSV files, and the metrics for metrics.json."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from complaints.core.csv_files import write_csv
from complaints.core.schema import HELD_OUT
from complaints.evaluation.scoreboard import FLOOR, ScoreboardRow, Truth, by_frequency, tiers

CSV_FILES = ("scoreboard.csv", "per_class.csv", "confusions.csv")


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


def metrics_json(rows: Sequence[ScoreboardRow]) -> dict[str, dict[str, dict[str, float | int]]]:
    """Return {row: {subset: {metric: value}}}."""
    return {row.name: row.values for row in rows}


def write_tables(folder: Path, truth: Truth, rows: Sequence[ScoreboardRow]) -> None:
    """Write CSV_FILES into a folder: the scoreboard, scores per class, and confusions (of all rows but the floor)."""
    scoreboard, per_class, confused = (folder / name for name in CSV_FILES)
    header = ["model", "split", "tau"]
    header += ["accuracy", "accuracy_error", "macro_f1", "macro_f1_error", "weighted_f1", "zero_f1_classes", "rescued"]
    header += ["temperature", "weights"]
    write_csv(scoreboard, header, (_scoreboard_line(row, subset) for row in rows for subset in truth.subsets))

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


def _scoreboard_line(row: ScoreboardRow, subset: str) -> list[object]:
    value, error = row.values[subset], row.errors[subset]
    scores = [value["accuracy"], error["accuracy"], value["macro_f1"], error["macro_f1"], value["weighted_f1"]]
    decided = [None if row.rule is None else row.rule.temperature, row.weights]
    return [row.name, subset, row.tau, *scores, value["zero_f1_classes"], value["rescued"], *decided]
