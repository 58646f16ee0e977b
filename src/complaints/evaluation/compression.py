"""Compressed models beside their parents: paired differences by tier, agreement, calibration and size."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from complaints.core.csv_files import read_csv, write_csv
from complaints.deciding.row_names import adjusted, is_adjusted, model_of
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.subset_scores import DECIMALS
from complaints.evaluation.truth import Truth
from complaints.reporting.html_page import Cell, Section
from complaints.scoring.rungs import compressed_name, parent_of
from complaints.uncertainty.count_metrics import TIERS
from complaints.uncertainty.paired import Difference, corrected, differences
from complaints.uncertainty.resampling import System, bootstrap

COMPRESSION_FILE = "compression.csv"
HEADER = ("parent", "model", "metric", "parent_value", "value", "difference", "low", "high", "p", "mde", "verdict")
METRICS = ("accuracy", "macro_f1", *(f"macro_f1_{tier}" for tier in TIERS))
AGREEMENT, SIZE, CALIBRATION = "agreement", "megabytes", "ece"
TEXT = (
    "Each compressed model against the one that it was made from, on the same test rows: the difference in "
    "accuracy, in macro-F1, and in macro-F1 over frequent, less frequent and rare classes, with its 95 % interval. "
    "Agreement: rows with the parent's label. ECE: the calibration error before temperature scaling, or "
    "after it in adjusted rows."
)

Line = list[Any]


def read_sizes(folder: Path, rungs: Sequence[str]) -> dict[str, int]:
    """Return rung -> bytes of its weights, of compressed rungs and of their parents.

    Args:
        folder: The folder with the tables of the stage compress, by entry.
        rungs: Names of rungs.

    Raises:
        UserError: if a table is missing or broken.
    """
    sizes = {}
    for entry in dict.fromkeys(parent[0] for rung in rungs if (parent := parent_of(rung))):
        for line in read_csv(folder / entry / "formats.csv", ("format", "bytes")):
            name = entry if line["format"] == "parent" else compressed_name(entry, line["format"])
            sizes[name] = int(line["bytes"])
    return sizes


def write_compression(
    folder: Path, truth: Truth, rows: Sequence[ScoreboardRow], sizes: Mapping[str, int], resamples: int
) -> list[Section]:
    """Write COMPRESSION_FILE and return its section, none without compressed rows.

    Rows with and without a decision rule are compared with such a row of the parent. The p-values of a metric are
    corrected by Holm's procedure.
    """
    lines = list(_lines(truth, rows, sizes, resamples))
    write_csv(folder / COMPRESSION_FILE, HEADER, lines)
    return [_section(lines)] if lines else []


def _pairs(rows: Sequence[ScoreboardRow]) -> dict[str, str]:
    """Return compressed row -> its parent's row."""
    found = {}
    for row in rows:
        if parent := parent_of(model_of(row.name)):
            found[row.name] = adjusted(parent[0]) if is_adjusted(row.name) else parent[0]
    return found


def _lines(truth: Truth, rows: Sequence[ScoreboardRow], sizes: Mapping[str, int], resamples: int) -> Iterator[Line]:
    pairs, named = _pairs(rows), {row.name: row for row in rows}
    if not pairs:
        return
    held_out = truth.rows("test")
    wanted = dict.fromkeys([*pairs.values(), *pairs])
    scores = bootstrap(held_out, {name: System(named[name].predicted["test"]) for name in wanted}, resamples)
    found = {name: differences(len(held_out), [scores[parent]], [scores[name]]) for name, parent in pairs.items()}
    families = {
        metric: corrected({name: of_metrics[metric] for name, of_metrics in found.items() if metric in of_metrics})
        for metric in METRICS
    }
    for name, parent in pairs.items():
        for metric, family in families.items():
            if name in family:
                yield [parent, name, metric, *_numbers(family[name]), family[name].better]
        same = float(np.mean(named[name].predicted["test"] == named[parent].predicted["test"]))
        megabytes = [round(sizes[model_of(row)] / 1e6, 3) for row in (parent, name)]
        errors = [named[row].values["test"][CALIBRATION] for row in (parent, name)]
        for metric, (before, after) in {AGREEMENT: (1.0, same), CALIBRATION: errors, SIZE: megabytes}.items():
            values = [round(value, DECIMALS) for value in (before, after, after - before)]
            yield [parent, name, metric, *values, *[None] * 5]


def _numbers(found: Difference) -> list[float]:
    numbers = [found.a.value, found.b.value, found.value, found.low, found.high, found.p, found.mde]
    return [round(number, DECIMALS) for number in numbers]


def _section(lines: Sequence[Line]) -> Section:
    named = {(line[1], line[2]): line for line in lines}
    table: list[list[Cell]] = []
    for model in dict.fromkeys(str(line[1]) for line in lines):
        plain = [f"{named[model, metric][4]:.3f}" for metric in (AGREEMENT, SIZE)]
        changes = [_change(named[model, metric]) if (model, metric) in named else "" for metric in METRICS]
        errors = named[model, CALIBRATION]
        table.append([model, *plain, *changes, f"{errors[3]:.3f} → {errors[4]:.3f}"])
    header = ("model", "agreement", "MB", "accuracy", "macro-F1", *TIERS, "ECE")
    return Section("Compressed models against their parents, test", TEXT, header, table)


def _change(line: Line) -> str:
    return f"{line[5]:+.3f} ({line[6]:+.3f} to {line[7]:+.3f})"
