"""Metrics equal those of scikit-learn, and standard errors those of resampling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from complaints.scoring import metrics

CLASSES = 7


@st.composite
def labelled_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(1, 40))
    ids = st.lists(st.integers(0, CLASSES - 1), min_size=rows, max_size=rows)
    return np.array(draw(ids)), np.array(draw(ids))


@given(labelled_rows())
def test_metrics_equal_those_of_scikit_learn(rows: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = rows
    scores = metrics.class_scores(true, predicted, CLASSES)
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=range(CLASSES), zero_division=0
    )
    np.testing.assert_allclose(scores.precision, precision, atol=1e-12)
    np.testing.assert_allclose(scores.recall, recall, atol=1e-12)
    np.testing.assert_allclose(scores.f1, f1, atol=1e-12)
    np.testing.assert_array_equal(scores.support, support)
    assert metrics.macro_f1(scores) == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))
    assert metrics.weighted_f1(scores) == pytest.approx(f1_score(true, predicted, average="weighted", zero_division=0))
    assert metrics.accuracy(true, predicted) == accuracy_score(true, predicted)


def test_class_without_true_rows_counts_as_absent_not_as_zero_f1() -> None:
    # Class 0 is predicted correctly, class 1 is missed, class 2 is predicted but absent, class 3 does not occur.
    scores = metrics.class_scores(np.array([0, 0, 1]), np.array([0, 0, 2]), 4)
    assert metrics.zero_f1_classes(scores) == 1
    assert metrics.absent_classes(scores) == 2
    assert metrics.macro_f1(scores) == pytest.approx(1 / 3)


def test_rescued_classes_have_zero_f1_under_the_reference_only() -> None:
    true = np.array([0, 1, 2, 3])
    reference = metrics.class_scores(true, np.array([0, 0, 0, 0]), 4)
    better = metrics.class_scores(true, np.array([0, 1, 2, 0]), 4)
    assert metrics.rescued_classes(better, reference) == 2
    assert metrics.rescued_classes(reference, better) == 0


@pytest.mark.parametrize(("true", "predicted"), [([0, 1], [0]), ([], []), ([0], [4]), ([4], [0]), ([-1], [0])], ids=str)
def test_invalid_class_ids_are_refused(true: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match=r"must be equal and above 0|is outside"):
        metrics.class_scores(np.array(true, dtype=int), np.array(predicted, dtype=int), 4)


@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (1, 1), (30, 59), (198, 198), (0, 7), (600, 1000)])
def test_standard_error_of_accuracy_is_half_the_width_of_the_wilson_interval(hits: int, rows: int) -> None:
    """The ends of the interval are the shares x with (p - x)^2 = x (1 - x) / n."""
    p = hits / rows
    ends = np.roots([1 + 1 / rows, -2 * p - 1 / rows, p**2])
    assert metrics.accuracy_error(p, rows) == pytest.approx((ends.max() - ends.min()) / 2, abs=1e-12)


def test_standard_error_of_accuracy_is_close_to_the_binomial_one_and_positive_without_errors() -> None:
    assert metrics.accuracy_error(0.5, 400) == pytest.approx(0.025, rel=0.01)
    assert round(metrics.accuracy_error(1.0, 198), 3) == 0.003


def test_bootstrap_error_agrees_with_resampling_rows() -> None:
    generator = np.random.default_rng(0)
    true = generator.integers(0, 3, 300)
    predicted = np.where(generator.random(300) < 0.6, true, generator.integers(0, 3, 300))
    values = []
    for _ in range(1000):
        chosen = generator.integers(0, 300, 300)
        values.append(metrics.macro_f1(metrics.class_scores(true[chosen], predicted[chosen], 3)))
    error = metrics.macro_f1_error(true, predicted, 3)
    assert error == pytest.approx(np.std(values), rel=0.2)
    assert error == metrics.macro_f1_error(true, predicted, 3)


@pytest.mark.parametrize("rows", [1, 7, 198])
@pytest.mark.parametrize("right", [True, False])
def test_no_error_is_0_where_every_row_is_right_or_wrong(rows: int, right: bool) -> None:
    true = np.arange(rows) % 3
    predicted = true if right else (true + 1) % 3
    assert metrics.macro_f1_error(true, predicted, 3) == metrics.accuracy_error(float(right), rows) > 0
