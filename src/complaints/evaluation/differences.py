"""Paired differences between rows of the scoreboard, with corrected p-values."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from complaints.core.csv_files import write_csv
from complaints.deciding.row_names import FLOOR, REFERENCE, adjusted
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.subset_scores import DECIMALS
from complaints.evaluation.truth import Truth
from complaints.uncertainty.paired import Difference, corrected, differences
from complaints.uncertainty.resampling import System, bootstrap

DIFFERENCES_FILE = "differences.csv"
BASE = adjusted(REFERENCE)
"""The row that all others are compared with: TF-IDF with its decision rule, the model to beat; REFERENCE without it."""
METRICS = ("accuracy", "macro_f1", "macro_f1_10")


def best_row(rows: Sequence[ScoreboardRow]) -> ScoreboardRow:
    """Return the row with the highest macro-F1 on validation, the first among equals."""
    return max(rows, key=lambda row: row.values["validation"]["macro_f1"])


def write_differences(folder: Path, truth: Truth, rows: Sequence[ScoreboardRow], resamples: int) -> None:
    """Write DIFFERENCES_FILE: on test rows, each row of the scoreboard against BASE, and against the best row.

    The rows that are compared with one row in one metric are a family, whose p-values are corrected by Holm's
    procedure. The best row is chosen on validation.
    """
    header = ["base", "model", "metric", "base_value", "value", "difference", "low", "high"]
    write_csv(
        folder / DIFFERENCES_FILE, [*header, "p", "mde", "needed_rows", "verdict"], _lines(truth, rows, resamples)
    )


def _lines(truth: Truth, rows: Sequence[ScoreboardRow], resamples: int) -> Iterator[list[object]]:
    systems = {row.name: System(row.predicted["test"]) for row in rows}
    held_out = truth.rows("test")
    scores = bootstrap(held_out, systems, resamples)
    names = [row.name for row in rows if row.name != FLOOR]
    to_beat = BASE if BASE in scores else REFERENCE
    for base in dict.fromkeys([to_beat, best_row(rows).name]):
        found = {name: differences(len(held_out), [scores[base]], [scores[name]]) for name in names if name != base}
        for metric in METRICS:
            family = corrected({name: of_metrics[metric] for name, of_metrics in found.items() if metric in of_metrics})
            for name, difference in family.items():
                yield [base, name, metric, *_numbers(difference), difference.needed_rows, difference.better]


def _numbers(found: Difference) -> list[float]:
    numbers = [found.a.value, found.b.value, found.value, found.low, found.high, found.p, found.mde]
    return [round(number, DECIMALS) for number in numbers]
