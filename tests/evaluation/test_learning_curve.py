"""The table of a learning curve."""

from pathlib import Path

import numpy as np
import pytest
from support.evaluation_data import read_truth, write_inputs

from complaints.core.csv_files import read_csv
from complaints.core.schema import HELD_OUT
from complaints.evaluation.learning_curve import MeasuredCurve, estimates, write_curve_table
from complaints.evaluation.truth import Truth
from complaints.scoring.learning_curve import CurvePoint
from complaints.scoring.metrics import accuracy


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Truth:
    """The held-out rows of a small task."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return read_truth()


ROWS = np.array([1000, 2000, 5000, 10000])
VALUES = 1 - (0.4 + 6.0 * ROWS**-0.45)


def curve(spread: float, points: int = 4) -> MeasuredCurve:
    random = np.random.default_rng(0)
    resampled = VALUES + random.normal(0, spread, (500, 1)) + random.normal(0, spread / 3, (500, 4))
    return MeasuredCurve(ROWS[-points:], VALUES[-points:], resampled[:, -points:])


def test_measured_points_are_followed_by_expected_ones_of_the_power_law() -> None:
    found = estimates(curve(0.01))
    assert [(e.kind, e.train_rows) for e in found] == [
        *(("measured", rows) for rows in (1000, 2000, 5000, 10000)),
        *(("expected", rows) for rows in (20000, 40000, 80000)),
    ]
    for e in found[4:]:
        assert e.value == pytest.approx(1 - (0.4 + 6.0 * e.train_rows**-0.45), abs=1e-6)
        assert e.low < e.value < e.high


def test_intervals_widen_with_the_distance_and_with_the_noise() -> None:
    found = estimates(curve(0.01))
    widths = [e.high - e.low for e in found[3:]]
    assert widths == sorted(widths)
    assert all(a.high - a.low < b.high - b.low for a, b in zip(found, estimates(curve(0.02)), strict=True))


def test_two_points_have_no_expected_ones() -> None:
    assert [e.kind for e in estimates(curve(0.01, points=2))] == ["measured", "measured"]


def test_the_table_has_both_splits_and_metrics_with_intervals(truth: Truth, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    points = []
    for fraction, right in ((0.1, 0.2), (0.2, 0.4), (0.5, 0.6), (1.0, 0.7)):
        predicted = {
            split: np.where(random.random(len(truth.label_ids[split])) < right, truth.label_ids[split], 0)
            for split in HELD_OUT
        }
        points.append(CurvePoint(fraction, int(fraction * 1000), predicted))
    write_curve_table(tmp_path / "c.csv", truth, points, 200)
    lines = read_csv(tmp_path / "c.csv")
    assert len(lines) == 2 * 2 * (4 + 3)
    assert [line["split"] for line in lines] == ["test"] * 14 + ["validation"] * 14
    for line in lines:
        assert float(line["low"]) <= float(line["value"]) <= float(line["high"])
    expected = accuracy(truth.label_ids["test"], points[0].predicted["test"])
    first = lines[0]
    assert (first["metric"], first["kind"], first["train_rows"]) == ("accuracy", "measured", "100")
    assert float(first["value"]) == pytest.approx(expected, abs=1e-6)


def test_without_points_the_table_has_no_lines(truth: Truth, tmp_path: Path) -> None:
    write_curve_table(tmp_path / "c.csv", truth, [], 200)
    assert read_csv(tmp_path / "c.csv") == []
