"""Calibration errors, by hand and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.evaluation.calibration import calibration_error, equal_mass_bins, equal_width_bins

CONFIDENCE = np.array([0.95, 0.9, 0.85, 0.3, 0.35])
RIGHT = np.array([True, True, False, False, True])


def test_expected_calibration_error_by_hand() -> None:
    # Two bins: (0, 0.5] has a mean of 0.325 and an accuracy of 1/2, (0.5, 1] of 0.9 and 2/3.
    expected = 2 / 5 * abs(0.5 - 0.325) + 3 / 5 * abs(2 / 3 - 0.9)
    bins = equal_width_bins(CONFIDENCE, RIGHT, 2)
    assert [(found.low, found.high, found.rows) for found in bins] == [(0, 0.5, 2), (0.5, 1, 3)]
    assert calibration_error(bins) == pytest.approx(expected)


def test_adaptive_calibration_error_by_hand() -> None:
    # Five bins of one row: each row is off by its own distance.
    bins = equal_mass_bins(CONFIDENCE, RIGHT, 5)
    assert [found.rows for found in bins] == [1] * 5
    assert calibration_error(bins) == pytest.approx(np.abs(CONFIDENCE - RIGHT).mean())


def test_a_confidence_on_an_edge_is_in_the_lower_bin_and_0_in_the_first() -> None:
    bins = equal_width_bins(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), np.ones(5, bool), 4)
    assert [found.rows for found in bins] == [2, 1, 1, 1]


@given(
    rows=st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.51, 1.0]), st.booleans()), min_size=1, max_size=40),
    bins=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_every_row_is_in_one_bin_and_the_order_of_rows_does_not_matter(
    rows: list[tuple[float, bool]], bins: int, seed: int
) -> None:
    confidence, right = np.array([c for c, _ in rows]), np.array([r for _, r in rows])
    order = np.random.default_rng(seed).permutation(len(rows))
    for divide in (equal_width_bins, equal_mass_bins):
        found = divide(confidence, right, bins)
        assert sum(part.rows for part in found) == len(rows)
        assert sum(part.rows * part.accuracy for part in found) == pytest.approx(right.sum())
        assert all(part.low - 1e-9 <= part.confidence <= part.high + 1e-9 for part in found if part.rows)
        error = calibration_error(found)
        assert error == pytest.approx(calibration_error(divide(confidence[order], right[order], bins)))
        assert abs(confidence.mean() - right.mean()) - 1e-9 <= error <= 1


def test_calibrated_confidences_have_almost_no_error_and_overconfident_ones_theirs() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.2, 0.9, 100_000)
    right = generator.random(100_000) < confidence
    for divide in (equal_width_bins, equal_mass_bins):
        assert calibration_error(divide(confidence, right)) < 0.01
        assert calibration_error(divide(confidence + 0.1, right)) == pytest.approx(0.1, abs=0.01)
