"""Learning curves on disk."""

from pathlib import Path

import numpy as np
import pytest

from complaints.core.errors import UserError
from complaints.scoring.learning_curve import CurvePoint, read_learning_curve, write_learning_curve

IDS = {"validation": ["b", "a"], "test": ["d"]}
POINTS = [
    CurvePoint(0.1, 12, {"validation": np.array([1, 0]), "test": np.array([2])}),
    CurvePoint(1.0, 120, {"validation": np.array([1, 1]), "test": np.array([0])}),
]


def test_points_are_read_by_fraction_with_rows_in_order(tmp_path: Path) -> None:
    write_learning_curve(tmp_path / "c.parquet", IDS, POINTS[::-1])
    read = read_learning_curve(tmp_path / "c.parquet", IDS)
    assert [(point.fraction, point.train_rows) for point in read] == [(0.1, 12), (1.0, 120)]
    for one, other in zip(read, POINTS, strict=True):
        assert all(np.array_equal(one.predicted[split], other.predicted[split]) for split in IDS)


def test_a_curve_without_points_is_read_as_none(tmp_path: Path) -> None:
    write_learning_curve(tmp_path / "c.parquet", IDS, [])
    assert read_learning_curve(tmp_path / "c.parquet", IDS) == []


def test_predictions_of_other_rows_are_refused(tmp_path: Path) -> None:
    write_learning_curve(tmp_path / "c.parquet", IDS, POINTS)
    with pytest.raises(UserError, match=r"other rows at fraction 0\.1"):
        read_learning_curve(tmp_path / "c.parquet", IDS | {"validation": ["a", "b"]})
