"""The trade-off curve, the choice on it, and thresholds of confidence."""

import numpy as np
import pytest
from sklearn.metrics import f1_score
from support.rules import settings

from complaints.deciding.objectives import FEWEST_ANSWERS, choose, curve, macro_f1, thresholds
from complaints.deciding.rule import Point


def test_macro_f1_is_over_the_classes_that_have_rows() -> None:
    true, predicted = np.array([0, 0, 1, 1, 2]), np.array([0, 3, 1, 1, 0])
    expected = f1_score(true, predicted, labels=[0, 1, 2], average="macro", zero_division=0)
    assert macro_f1(true, predicted, 5) == pytest.approx(expected)


def test_the_curve_is_an_example_by_hand() -> None:
    """Row 1 is right from tau = 0.4 / log(4) = 0.29 on, row 0 up to tau = 2.1 / log(4) = 1.5."""
    points = curve(np.array([[2.1, 0.0], [0.4, 0.0]]), np.array([0, 1]), np.log([0.8, 0.2]), [2.0, 0.5, 0.0, 0.5])
    assert [point.tau for point in points] == [0.0, 0.5, 2.0]
    assert [point.accuracy for point in points] == [0.5, 1.0, 0.5]
    assert [point.macro_f1 for point in points] == [round(1 / 3, 6), 1.0, round(1 / 3, 6)]


@pytest.mark.parametrize(
    ("objective", "loss", "tau"),
    [
        ("macro_f1", 0.0, 1.0),
        ("accuracy", 0.0, 0.25),
        ("macro_f1_within", 0.0, 0.25),
        ("macro_f1_within", 0.02, 0.5),
        ("macro_f1_within", 0.1, 1.0),
    ],
)
def test_each_objective_has_its_best_point_and_the_smallest_among_equals(
    objective: str, loss: float, tau: float
) -> None:
    table = [(0.0, 0.49, 0.1), (0.25, 0.5, 0.2), (0.5, 0.48, 0.3), (1.0, 0.4, 0.35), (1.25, 0.3, 0.35)]
    points = [Point(tau=tau, accuracy=accuracy, macro_f1=f1) for tau, accuracy, f1 in table]
    assert points[choose(points, settings(objective=objective, max_accuracy_loss=loss))].tau == tau


def test_a_threshold_is_the_lowest_confidence_with_the_wanted_accuracy() -> None:
    confidence = np.linspace(0.99, 0.0, 100)
    right = np.arange(100) < 50
    found = {threshold.accuracy: threshold for threshold in thresholds(confidence, right, [0.5, 0.8, 1.0])}
    assert [found[wanted].coverage for wanted in (0.5, 0.8, 1.0)] == [1.0, 0.62, 0.5]
    assert [found[wanted].confidence for wanted in (0.5, 0.8, 1.0)] == pytest.approx([0.0, 0.38, 0.5], abs=1e-6)
    for threshold in found.values():
        assert threshold.confidence is not None
        answered = confidence >= threshold.confidence
        assert right[answered].mean() >= threshold.accuracy
        assert answered.mean() == threshold.coverage


def test_an_accuracy_that_is_not_reached_or_by_few_rows_alone_has_no_threshold() -> None:
    confidence = np.linspace(1, 0, 100)
    few = np.arange(100) < FEWEST_ANSWERS - 1
    for right, wanted in ((few, 1.0), (np.zeros(100, bool), 0.1)):
        (threshold,) = thresholds(confidence, right, [wanted])
        assert threshold.confidence is None
        assert threshold.coverage is None


def test_rows_of_equal_confidence_are_answered_together() -> None:
    confidence = np.repeat([0.9, 0.5], 50)
    right = np.concatenate([np.ones(50, bool), np.ones(20, bool), np.zeros(30, bool)])
    (threshold,) = thresholds(confidence, right, [0.8])
    assert (threshold.confidence, threshold.coverage) == (0.9, 0.5)
