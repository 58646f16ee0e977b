"""Analyses of the answers as CSV files: slices, calibration, and accuracy against coverage."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from complaints.core.csv_files import write_csv
from complaints.core.schema import HELD_OUT
from complaints.deciding.objectives import thresholds
from complaints.deciding.row_names import REFERENCE
from complaints.evaluation.calibration import equal_mass_bins, equal_width_bins
from complaints.evaluation.row_values import probability_values
from complaints.evaluation.scoreboard import ScoreboardRow, answer_systems
from complaints.evaluation.selective import Point, accuracy_curve, at_threshold
from complaints.evaluation.slices import HeldOutRows, parts_of
from complaints.evaluation.subset_scores import (
    DECIMALS,
    Subset,
    confidence_values,
    score_subsets,
    select,
    select_rows,
)
from complaints.evaluation.tables import write_scores
from complaints.evaluation.truth import Truth

ANALYSIS_FILES = ("slices.csv", "calibration.csv", "reliability.csv", "coverage.csv", "thresholds.csv")

CURVE_POINTS = 50
"""Coverages of the curve: 0.02, 0.04, ..., 1."""

SLICE_RESAMPLES = 1_000
"""The most resamples of a slice: the ends of its intervals are a little less stable than those of the scoreboard."""

WANTED_ACCURACIES = (0.6, 0.7, 0.8, 0.9, 0.95)
"""Wanted accuracies where no row has a decision rule, which names them."""

Line = list[object]


def write_analyses(folder: Path, truth: Truth, rows: Sequence[ScoreboardRow], resamples: int) -> None:
    """Write ANALYSIS_FILES into a folder; intervals of slices have at most `resamples` resamples."""
    slices, calibration, reliability, coverage, thresholds = (folder / name for name in ANALYSIS_FILES)
    _write_slices(slices, truth, rows, resamples)
    header = ["model", "split", "probabilities", "temperature", "rows", "accuracy", "confidence"]
    write_csv(calibration, [*header, "ece", "adaptive_ece", "nll", "brier"], _calibration(truth, rows))
    header = ["model", "split", "probabilities", "binning", "bin", "low", "high", "rows", "confidence", "accuracy"]
    write_csv(reliability, header, _reliability(truth, rows))
    header = ["model", "split", "threshold", "coverage", "accuracy"]
    write_csv(coverage, header, _coverage(truth, rows))
    write_csv(thresholds, [*header[:2], "wanted_accuracy", "chosen_by", *header[2:]], _thresholds(truth, rows))


def _write_slices(path: Path, truth: Truth, rows: Sequence[ScoreboardRow], resamples: int) -> None:
    subsets = {}
    for split in HELD_OUT:
        held_out = HeldOutRows(truth.texts[split], truth.label_ids[split], truth.in_train[split], truth.train_support)
        systems = answer_systems(truth, [row.answers for row in rows], split)
        for name, part in parts_of(held_out):
            chosen = {system: select(answers, part.rows) for system, answers in systems.items()}
            subsets[split, name, part.value] = Subset(select_rows(truth.rows(split), part.rows), chosen)
    found = score_subsets(subsets, REFERENCE, min(resamples, SLICE_RESAMPLES))
    lines = [([system, *key], scores) for key, of_part in found.items() for system, scores in of_part.items()]
    write_scores(path, ["model", "split", "slice", "value"], lines)


def _probabilities(
    truth: Truth, rows: Sequence[ScoreboardRow]
) -> Iterator[tuple[ScoreboardRow, str, str, np.ndarray, np.ndarray]]:
    """Yield (row, split, `raw` or `calibrated`, confidence [rows], log-probabilities [rows, classes])."""
    for row in rows:
        for split in HELD_OUT:
            yield row, split, "raw", *row.answers.uncalibrated(split)
            if row.rule is not None:
                log_probabilities = row.answers.log_probabilities[split]
                yield row, split, "calibrated", row.answers.confidence(split), log_probabilities


def _calibration(truth: Truth, rows: Sequence[ScoreboardRow]) -> Iterator[Line]:
    for row, split, kind, confidence, log_probabilities in _probabilities(truth, rows):
        temperature = round(row.rule.temperature, DECIMALS) if row.rule and kind == "calibrated" else None
        for subset, (of_split, indices) in truth.subsets.items():
            if of_split != split:
                continue
            true = truth.label_ids[split][indices]
            right = row.predicted[split][indices] == true
            of_rows = probability_values(log_probabilities[indices], true)
            errors = confidence_values(confidence[indices], right)
            means = [right.mean(), confidence[indices].mean()]
            key = [row.name, subset, kind, temperature, len(true)]
            scores = [errors["ece"], errors["adaptive_ece"], *_rounded([values.mean() for values in of_rows.values()])]
            yield [*key, *_rounded(means), *scores]


def _reliability(truth: Truth, rows: Sequence[ScoreboardRow]) -> Iterator[Line]:
    for row, split, kind, confidence, _ in _probabilities(truth, rows):
        right = row.predicted[split] == truth.label_ids[split]
        for name, bins in (("equal width", equal_width_bins), ("equal mass", equal_mass_bins)):
            for number, found in enumerate(bins(confidence, right)):
                numbers = _rounded([found.low, found.high]), _rounded([found.confidence, found.accuracy])
                yield [row.name, split, kind, name, number, *numbers[0], found.rows, *numbers[1]]


def _coverage(truth: Truth, rows: Sequence[ScoreboardRow]) -> Iterator[Line]:
    for row in rows:
        for split in HELD_OUT:
            right = row.predicted[split] == truth.label_ids[split]
            for point in accuracy_curve(row.answers.confidence(split), right, CURVE_POINTS):
                yield [row.name, split, *_point(point)]


def _thresholds(truth: Truth, rows: Sequence[ScoreboardRow]) -> Iterator[Line]:
    """Yield the lines of thresholds.csv: thresholds are chosen without test rows and applied to both splits."""
    fits = [row.rule.fit for row in rows if row.rule and row.rule.fit]
    wanted = [chosen.accuracy for chosen in fits[0].thresholds] if fits else WANTED_ACCURACIES
    for row in rows:
        right = {split: row.predicted[split] == truth.label_ids[split] for split in HELD_OUT}
        confidence = {split: row.answers.confidence(split) for split in HELD_OUT}
        if row.rule and row.rule.fit:
            chosen_by, found = "decision rule", row.rule.fit.thresholds
        else:
            chosen_by, found = "validation", thresholds(confidence["validation"], right["validation"], wanted)
        for one in found:
            for split in HELD_OUT:
                numbers: Line = [None, 0.0, None]
                if one.confidence is not None:
                    numbers = _point(at_threshold(confidence[split], right[split], one.confidence))
                yield [row.name, split, one.accuracy, chosen_by, *numbers]


def _point(point: Point) -> Line:
    accuracy = None if point.accuracy is None else round(point.accuracy, DECIMALS)
    return [point.threshold, round(point.coverage, DECIMALS), accuracy]


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]
