"""Scores of zero-shot methods, and of all rows of the scoreboard, on the same sample of the test rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from complaints.core.csv_files import write_csv
from complaints.core.errors import broken_output
from complaints.deciding.row_names import FLOOR
from complaints.evaluation.differences import best_row
from complaints.evaluation.row_values import top_values
from complaints.evaluation.scoreboard import ScoreboardRow, answer_systems
from complaints.evaluation.subset_scores import DECIMALS, select, select_rows
from complaints.evaluation.truth import Truth
from complaints.reporting.html_page import Cell, Section
from complaints.scoring.zero_shot import OUTSIDE, SPLIT, ZeroShotAnswers, read_answers
from complaints.uncertainty.paired import Difference, corrected, differences
from complaints.uncertainty.resampling import Distribution, Rows, System, bootstrap

ZERO_SHOT_FILE = "zero_shot.csv"
METRICS = ("accuracy", "macro_f1", "macro_f1_10", "top3_accuracy")
COMPARED = ("accuracy", "macro_f1")
PREFIX = "zero-shot "
"""Begin of the names of the rows."""

Scores = Mapping[str, Mapping[str, Distribution]]


def write_zero_shot(
    folder: Path, truth: Truth, rows: Sequence[ScoreboardRow], predictions: Path, resamples: int
) -> list[Section]:
    """Write ZERO_SHOT_FILE and return the section that shows it; nothing without zero-shot answers.

    Args:
        folder: The folder of the report.
        truth: The classes and the splits.
        rows: The rows of the scoreboard.
        predictions: Folder of the zero-shot answers.
        resamples: Resamples of clusters behind the intervals.

    Raises:
        UserError: if answers are broken, or those of two methods are of other rows.
    """
    found = {path.stem: read_answers(path, len(truth.labels)) for path in sorted(predictions.glob("*.parquet"))}
    if not found:
        return []
    indices = _sampled(truth, found, predictions)
    held_out = select_rows(truth.rows(SPLIT), indices)
    # One more class for answers outside of the list: it has no rows, so that it counts in no mean.
    held_out = Rows(held_out.true, held_out.clusters, held_out.classes + 1, [*held_out.tiers, "tail"])
    trained = answer_systems(truth, [row.answers for row in rows], SPLIT)
    systems = {name: select(system, indices) for name, system in trained.items()}
    systems |= {f"{PREFIX}{name}": _system(answers, held_out) for name, answers in found.items()}
    outside = {f"{PREFIX}{name}": int((answers.label_ids == OUTSIDE).sum()) for name, answers in found.items()}
    scores = bootstrap(held_out, systems, resamples)
    best = best_row(rows).name
    compared = _differences(len(held_out), scores, best, list(outside))
    clusters = len(np.unique(held_out.clusters))
    _write(folder / ZERO_SHOT_FILE, scores, compared, best, outside, (len(held_out), clusters))
    return [_section(scores, compared, best, outside, (len(held_out), clusters))]


def _sampled(truth: Truth, found: Mapping[str, ZeroShotAnswers], predictions: Path) -> np.ndarray:
    """Return the indices of the sample in the test split, int64."""
    first, *others = found
    index = {row_id: number for number, row_id in enumerate(truth.row_ids[SPLIT])}
    for name in others:
        if found[name].row_ids != found[first].row_ids:
            raise broken_output(predictions / f"{name}.parquet", f"has other rows than {first}.parquet")
    strange = [row_id for row_id in found[first].row_ids if row_id not in index]
    if strange:
        raise broken_output(predictions / f"{first}.parquet", f"has row {strange[0]!r}, which is no test row")
    return np.array([index[row_id] for row_id in found[first].row_ids], np.int64)


def _system(answers: ZeroShotAnswers, rows: Rows) -> System:
    """Return the answers of a method; an answer outside of the list has the last class of `rows`."""
    if answers.logits is None:
        return System(np.where(answers.label_ids == OUTSIDE, rows.classes - 1, answers.label_ids))
    return System(answers.label_ids, top_values(answers.logits, answers.label_ids, rows.true))


def _differences(rows: int, scores: Scores, best: str, names: Sequence[str]) -> dict[tuple[str, str], Difference]:
    """Return (method, metric) -> the method minus the best trained row; Holm's p-values over the methods."""
    found = {name: differences(rows, [scores[best]], [scores[name]]) for name in names}
    result: dict[tuple[str, str], Difference] = {}
    for metric in COMPARED:
        result |= corrected({(name, metric): found[name][metric] for name in names})
    return result


def _write(
    path: Path,
    scores: Scores,
    compared: Mapping[tuple[str, str], Difference],
    best: str,
    outside: Mapping[str, int],
    size: tuple[int, int],
) -> None:
    """Write one line per row of the scoreboard and method."""
    header = ["model", "rows", "clusters", "outside"]
    header += [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    parts = ("difference", "difference_low", "difference_high", "p", "verdict")
    header += ["base", *(f"{metric}_{part}" for metric in COMPARED for part in parts)]
    lines: list[list[object]] = []
    for name, of_metrics in scores.items():
        line: list[object] = [name, *size, outside.get(name)]
        for metric in METRICS:
            one = of_metrics.get(metric)
            line += [None] * 3 if one is None else [round(value, DECIMALS) for value in (one.value, *one.interval())]
        line.append(best if name in outside else None)
        for metric in COMPARED:
            against = compared.get((name, metric))
            numbers = [] if against is None else [against.value, against.low, against.high, against.p]
            line += [round(number, DECIMALS) for number in numbers] or [None] * 4
            line.append(None if against is None else against.better)
        lines.append(line)
    write_csv(path, header, lines)


def _section(
    scores: Scores,
    compared: Mapping[tuple[str, str], Difference],
    best: str,
    outside: Mapping[str, int],
    size: tuple[int, int],
) -> Section:
    text = (
        f"All rows on the same sample of {size[0]:,} test rows ({size[1]:,} clusters of near duplicates), with 95 % "
        "intervals by a bootstrap over clusters. A zero-shot row was trained on no complaint. An answer outside of the "
        f"list of classes is wrong. The last columns compare with {best}, the best row on validation, on the same "
        "rows, with p-values corrected by Holm's procedure."
    )
    header = ["model", "accuracy", "macro-F1", "top-3", "outside", "accuracy vs best", "macro-F1 vs best"]
    lines: list[list[Cell]] = []
    for name, of_metrics in scores.items():
        if name == FLOOR:
            continue
        shown: list[Cell] = [_cell(of_metrics.get(metric)) for metric in ("accuracy", "macro_f1", "top3_accuracy")]
        verdicts: list[Cell] = [_verdict(compared.get((name, metric))) for metric in COMPARED]
        lines.append([name, *shown, outside.get(name), *verdicts])
    return Section("Without training, on a sample of the test rows", text, header, lines)


def _cell(found: Distribution | None) -> Cell:
    if found is None:
        return None
    low, high = found.interval()
    return f"{found.value:.3f} ({low:.3f}–{high:.3f})"


def _verdict(found: Difference | None) -> Cell:
    return None if found is None else f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}): {found.better}"
