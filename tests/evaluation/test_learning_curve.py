"""The table of a learning curve."""

from pathlib import Path

import numpy as np
import pytest

from complaints.core.csv_files import read_csv
from complaints.evaluation.learning_curve import Estimate, MeasuredCurve, estimates, write_learning_curve_table

ROWS = np.array([1000, 2000, 5000, 10000])
VALUES = 1 - (0.4 + 6.0 * ROWS**-0.45)


def percentiles(value: float, resampled: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def curve(spread: float, points: int = 4) -> MeasuredCurve:
    random = np.random.default_rng(0)
    resampled = VALUES + random.normal(0, spread, (500, 1)) + random.normal(0, spread / 3, (500, 4))
    return MeasuredCurve(ROWS[-points:], VALUES[-points:], resampled[:, -points:])


def test_measured_points_are_followed_by_expected_ones_of_the_power_law() -> None:
    found = estimates(curve(0.01), percentiles)
    assert [(e.kind, e.train_rows) for e in found] == [
        *(("measured", rows) for rows in (1000, 2000, 5000, 10000)),
        *(("expected", rows) for rows in (20000, 40000, 80000)),
    ]
    for e in found[4:]:
        assert e.value == pytest.approx(1 - (0.4 + 6.0 * e.train_rows**-0.45), abs=1e-6)
        assert e.low < e.value < e.high


def test_intervals_widen_with_the_distance_and_with_the_noise() -> None:
    found = estimates(curve(0.01), percentiles)
    widths = [e.high - e.low for e in found[3:]]
    assert widths == sorted(widths)
    assert all(a.high - a.low < b.high - b.low for a, b in zip(found, estimates(curve(0.02), percentiles), strict=True))


def test_two_points_have_no_expected_ones() -> None:
    assert [e.kind for e in estimates(curve(0.01, points=2), percentiles)] == ["measured", "measured"]


def test_the_table_has_a_line_for_each_estimate(tmp_path: Path) -> None:
    write_learning_curve_table(tmp_path / "c.csv", {"accuracy": [Estimate("measured", 10, 0.12345678, 0.1, 0.2)]})
    assert read_csv(tmp_path / "c.csv") == [
        {
            "metric": "accuracy",
            "kind": "measured",
            "train_rows": "10",
            "value": "0.123457",
            "low": "0.1",
            "high": "0.2",
        }
    ]
