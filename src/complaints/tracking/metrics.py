"""Metrics of runs, read from the files that the stages wrote."""

import json
import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from complaints.core.csv_files import read_csv
from complaints.core.files import read_json

Metric = tuple[str, float, int]
"""Name, value and step."""

COORDINATES = ("step", "epoch")
"""Columns of a history that are positions, not measurements."""


def history_metrics(rows: Iterable[Mapping[str, Any]]) -> list[Metric]:
    """Return every number in rows of a history at the row's `step`, or at its index if it has none."""
    metrics = []
    for number, row in enumerate(rows):
        step = int(row.get("step", number))
        for name, value in row.items():
            if name in COORDINATES or value is None or value == "":
                continue
            try:
                metrics.append((name, float(value), step))
            except ValueError:
                continue  # text, not a measurement
    return metrics


def curves(folder: Path) -> list[Metric]:
    """Return the history of a training from the CSV files of a folder."""
    metrics = []
    for file in sorted(folder.glob("*.csv")):
        metrics += history_metrics(read_csv(file))
    return metrics


def best_epoch(record: Path) -> list[Metric]:
    """Return the validation scores of the best epoch: MLflow's table shows the last point of a curve instead."""
    training = read_json(record) if record.is_file() else {}
    best = [row for row in training.get("epochs", []) if row["epoch"] == training.get("best_epoch")]
    return [
        (f"best_{name}", value, step) for name, value, step in history_metrics(best) if name.startswith("validation_")
    ]


def fit_statistics(folder: Path) -> list[Metric]:
    """Return numbers of terms, classes and solver iterations of each pipeline of a TF-IDF model from its skops archive.

    The arrays are read without scikit-learn and without skops. An archive of another form has no statistics.
    """
    metrics: list[Metric] = []
    for archive in sorted(folder.glob("*.skops")):
        try:
            with zipfile.ZipFile(archive) as opened:
                files = dict(_array_files(json.loads(opened.read("schema.json"))))
                numbers = {
                    "terms": _read_array(opened, files["idf_"]).shape[0],
                    "classes": _read_array(opened, files["classes_"]).shape[0],
                    "iterations": _read_array(opened, files["n_iter_"]).max(),
                }
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
            continue
        metrics += [(f"{archive.stem}_{name}", float(number), 0) for name, number in numbers.items()]
    return metrics


def _read_array(opened: zipfile.ZipFile, name: str) -> np.ndarray:
    with opened.open(name) as stream:
        array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _array_files(node: Any) -> Iterator[tuple[str, str]]:
    """Yield (attribute, file) for each array in a skops schema."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        if isinstance(child, dict) and "file" in child:
            yield str(name), child["file"]
        yield from _array_files(child)


def score_metrics(scores: Mapping[str, Mapping[str, float | None]], prefix: str = "") -> list[Metric]:
    """Return the scores {subset: {metric: value}} of a row of the scoreboard as `test/macro_f1` and so on."""
    return [
        (f"{prefix}{subset}/{metric}", float(value), 0)
        for subset, values in scores.items()
        for metric, value in values.items()
        if value is not None and math.isfinite(value)
    ]
