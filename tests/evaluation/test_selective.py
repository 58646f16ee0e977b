"""Accuracy against coverage, by hand and against a direct count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.deciding.objectives import FEWEST_ANSWERS, thresholds
from complaints.evaluation.selective import accuracy_curve, at_threshold, aurc

CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6])
RIGHT = np.array([True, False, True, False])


def test_area_under_the_risk_coverage_curve_by_hand() -> None:
    assert aurc(CONFIDENCE, RIGHT) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)


def test_area_of_confidences_that_say_nothing_is_the_error_rate() -> None:
    assert aurc(np.full(4, 0.5), RIGHT) == pytest.approx(0.5)
    assert aurc(CONFIDENCE, np.ones(4, bool)) == 0


def test_the_curve_ends_at_the_accuracy_of_all_rows() -> None:
    points = accuracy_curve(CONFIDENCE, RIGHT, 4)
    assert [(point.threshold, point.coverage, point.accuracy) for point in points] == [
        (0.9, 0.25, 1.0),
        (0.8, 0.5, 0.5),
        (0.7, 0.75, pytest.approx(2 / 3)),
        (0.6, 1.0, 0.5),
    ]


@given(
    rows=st.lists(st.tuples(st.sampled_from([0.1, 1 / 3, 2 / 3, 0.9]), st.booleans()), min_size=1, max_size=90),
    wanted=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_rounded_thresholds_answer_the_rows_they_promise(
    rows: list[tuple[float, bool]], wanted: float, seed: int
) -> None:
    confidence, right = np.array([c for c, _ in rows]), np.array([r for _, r in rows])
    (found,) = thresholds(confidence, right, [wanted])
    reached = [
        value
        for value in np.unique(confidence)
        if right[confidence >= value].mean() >= wanted and np.sum(confidence >= value) >= FEWEST_ANSWERS
    ]
    assert (found.confidence is None) == (not reached)
    if found.confidence is not None:
        assert found.confidence == round(found.confidence, 6)
        point = at_threshold(confidence, right, found.confidence)
        assert point.coverage == np.mean(confidence >= min(reached))
        assert point.accuracy is not None
        assert point.accuracy >= wanted
    order = np.random.default_rng(seed).permutation(len(rows))
    assert aurc(confidence, right) == pytest.approx(aurc(confidence[order], right[order]))


def test_a_threshold_that_answers_no_row_has_no_accuracy() -> None:
    assert at_threshold(CONFIDENCE, RIGHT, 0.95).accuracy is None
