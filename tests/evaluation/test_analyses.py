"""Files of the analyses, read back: slices, calibration and coverage."""

from pathlib import Path

import numpy as np
import pytest
from support.evaluation_data import RESAMPLES, read_truth, score, write_inputs

from complaints.core.csv_files import read_csv
from complaints.core.schema import HELD_OUT
from complaints.evaluation.analyses import ANALYSIS_FILES, CURVE_POINTS, write_analyses
from complaints.evaluation.scoreboard import ScoreboardRow

Lines = list[dict[str, str]]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[ScoreboardRow], dict[str, Lines]]:
    """The rows of the scoreboard, and the lines of each file."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    truth = read_truth()
    rows = score(truth)
    write_analyses(tmp_path, truth, rows, RESAMPLES)
    return rows, {name: read_csv(tmp_path / name) for name in ANALYSIS_FILES}


def test_calibration_is_shown_before_and_after_temperature_scaling(
    written: tuple[list[ScoreboardRow], dict[str, Lines]],
) -> None:
    rows, files = written
    lines = {(line["model"], line["split"], line["probabilities"]): line for line in files["calibration.csv"]}
    assert len(lines) == 2 * (2 * len(rows) - 3)  # majority, tfidf and net have no temperature
    for row in rows:
        kind = "raw" if row.rule is None else "calibrated"
        for split in HELD_OUT:
            for metric in ("ece", "adaptive_ece", "nll", "brier"):
                assert float(lines[row.name, split, kind][metric]) == row.values[split][metric]
    # The temperature does not change the answers of a single model, only their probabilities.
    before, after = (lines["net-adjusted", "validation", kind] for kind in ("raw", "calibrated"))
    assert before["nll"] == lines["net", "validation", "raw"]["nll"]
    assert before["accuracy"] == after["accuracy"]
    assert before["nll"] != after["nll"]


def test_bins_of_the_reliability_diagram_have_all_rows(
    written: tuple[list[ScoreboardRow], dict[str, Lines]],
) -> None:
    _, files = written
    for split, rows in (("validation", 39), ("test", 59)):
        for binning in ("equal width", "equal mass"):
            own = [
                int(line["rows"])
                for line in files["reliability.csv"]
                if (line["model"], line["split"], line["binning"]) == ("net", split, binning)
            ]
            assert sum(own) == rows


def test_the_curve_of_coverage_ends_at_the_accuracy(written: tuple[list[ScoreboardRow], dict[str, Lines]]) -> None:
    rows, files = written
    lines = [line for line in files["coverage.csv"] if line["split"] == "test"]
    assert len(lines) == len(rows) * CURVE_POINTS
    for row, last in zip(rows, lines[CURVE_POINTS - 1 :: CURVE_POINTS], strict=True):
        assert (last["model"], float(last["coverage"])) == (row.name, 1)
        assert float(last["accuracy"]) == row.values["test"]["accuracy"]


def test_thresholds_are_chosen_without_test_rows(written: tuple[list[ScoreboardRow], dict[str, Lines]]) -> None:
    rows, files = written
    for row in rows:
        own = [line for line in files["thresholds.csv"] if line["model"] == row.name]
        assert {line["chosen_by"] for line in own} == {"validation" if row.rule is None else "decision rule"}
        if row.rule is None:
            reached = [line for line in own if line["split"] == "validation" and line["threshold"]]
            assert all(float(line["accuracy"]) >= float(line["wanted_accuracy"]) for line in reached)
        for line in own:
            if line["threshold"]:
                share = np.mean(row.answers.confidence(line["split"]) >= float(line["threshold"]))
                assert float(line["coverage"]) == pytest.approx(share, abs=1e-6)


def test_slices_have_the_scores_of_their_rows(written: tuple[list[ScoreboardRow], dict[str, Lines]]) -> None:
    rows, files = written
    truth = read_truth()
    lines = {
        (line["model"], line["split"]): line
        for line in files["slices.csv"]
        if (line["slice"], line["value"]) == ("rare_class", "yes")
    }
    for row in rows:
        rare = truth.label_ids["test"] == 4  # one of five classes: a quarter of them, rounded down
        line = lines[row.name, "test"]
        assert int(line["rows"]) == rare.sum()
        assert float(line["accuracy"]) == np.mean(row.predicted["test"][rare] == 4)
