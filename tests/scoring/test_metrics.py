"""Metrics agree with scikit-learn, and logit adjustment does what its paper says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from complaints.scoring import metrics
from complaints.scoring.logit_adjustment import adjust, choose_tau, log_prior

CLASSES = 7


@st.composite
def labelled_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows = draw(st.integers(1, 40))
    ids = st.lists(st.integers(0, CLASSES - 1), min_size=rows, max_size=rows)
    return np.array(draw(ids)), np.array(draw(ids))


@given(labelled_rows())
def test_equals_scikit_learn(rows: tuple[np.ndarray, np.ndarray]) -> None:
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


def test_a_class_without_true_rows_is_absent_and_not_a_zero() -> None:
    # Class 0 is found, class 1 is missed, class 2 is predicted but absent, class 3 is neither.
    scores = metrics.class_scores(np.array([0, 0, 1]), np.array([0, 0, 2]), 4)
    assert metrics.zero_f1_classes(scores) == 1
    assert metrics.absent_classes(scores) == 2
    assert metrics.macro_f1(scores) == pytest.approx(1 / 3)


def test_rescued_counts_only_classes_that_the_reference_misses() -> None:
    true = np.array([0, 1, 2, 3])
    reference = metrics.class_scores(true, np.array([0, 0, 0, 0]), 4)
    better = metrics.class_scores(true, np.array([0, 1, 2, 0]), 4)
    assert metrics.rescued_classes(better, reference) == 2
    assert metrics.rescued_classes(reference, better) == 0


@pytest.mark.parametrize(("true", "predicted"), [([0, 1], [0]), ([], []), ([0], [4]), ([4], [0]), ([-1], [0])], ids=str)
def test_impossible_rows_are_refused(true: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match=r"must be equally many|lies outside"):
        metrics.class_scores(np.array(true, dtype=int), np.array(predicted, dtype=int), 4)


@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (1, 1), (30, 59), (198, 198), (0, 7), (600, 1000)])
def test_the_standard_error_of_accuracy_is_half_the_width_of_the_wilson_interval(hits: int, rows: int) -> None:
    """The ends of the interval are the shares x with (p - x)^2 = x (1 - x) / n."""
    p = hits / rows
    ends = np.roots([1 + 1 / rows, -2 * p - 1 / rows, p**2])
    assert metrics.accuracy_error(p, rows) == pytest.approx((ends.max() - ends.min()) / 2, abs=1e-12)


def test_the_standard_error_of_accuracy_is_close_to_the_binomial_one_and_above_zero_without_errors() -> None:
    assert metrics.accuracy_error(0.5, 400) == pytest.approx(0.025, rel=0.01)
    assert round(metrics.accuracy_error(1.0, 198), 3) == 0.003


def test_the_bootstrap_error_agrees_with_resampling_rows() -> None:
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


def test_the_prior_is_smoothed_so_that_no_class_has_probability_zero() -> None:
    np.testing.assert_allclose(np.exp(log_prior(np.array([0, 0, 1]), 3)), [3 / 6, 2 / 6, 1 / 6])


def test_adjustment_with_tau_one_divides_by_the_prior() -> None:
    prior = np.log([0.5, 0.25, 0.25])
    posterior = np.array([[0.5, 0.3, 0.2]])
    np.testing.assert_allclose(np.exp(adjust(np.log(posterior), prior, 1.0)), [[1.0, 1.2, 0.8]])
    np.testing.assert_allclose(adjust(posterior, prior, 0.0), posterior)


def test_tau_is_the_best_of_the_grid_and_of_equals_the_smallest() -> None:
    prior = np.log([0.8, 0.2])
    # Class 1 wins its row from tau > 0.4 / log(4) = 0.29 on; class 0 loses its row from tau > 2.1 / log(4) = 1.5 on.
    logits = np.array([[2.1, 0.0], [0.4, 0.0]])
    true = np.array([0, 1])
    assert choose_tau(logits, true, prior, [2.0, 1.0, 0.5, 0.25, 0.0]) == 0.5
    assert choose_tau(logits, np.array([0, 0]), prior, [0.25, 0.0]) == 0.0
