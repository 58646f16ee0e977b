"""Metrics that are means over rows equal those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, top_k_accuracy_score

from complaints.deciding.rule import log_softmax
from complaints.evaluation.row_values import probability_values, top_values, true_ranks

CLASSES = 7


def made_up(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities [rows, CLASSES] and true class ids [rows]."""
    generator = np.random.default_rng(seed)
    return log_softmax(3 * generator.normal(size=(rows, CLASSES))), generator.integers(0, CLASSES, rows)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 50))
def test_means_equal_the_metrics_of_scikit_learn(seed: int, rows: int) -> None:
    log_probabilities, true = made_up(seed, rows)
    labels = np.arange(CLASSES)
    values = probability_values(log_probabilities, true)
    probabilities = np.exp(log_probabilities)
    assert values["nll"].mean() == pytest.approx(log_loss(true, probabilities, labels=labels))
    brier = brier_score_loss(true, probabilities, labels=labels, scale_by_half=False)
    assert values["brier"].mean() == pytest.approx(brier)
    top = top_values(log_probabilities, log_probabilities.argmax(axis=1), true)
    for k in (3, 5):
        expected = top_k_accuracy_score(true, log_probabilities, k=k, labels=labels)
        assert top[f"top{k}_accuracy"].mean() == pytest.approx(expected)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 30), levels=st.integers(1, 3))
def test_ranks_put_the_answer_first_and_are_a_permutation_even_with_equal_scores(
    seed: int, rows: int, levels: int
) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, levels, (rows, CLASSES)).astype(float)
    predicted = generator.integers(0, CLASSES, rows)
    ranks = np.stack([true_ranks(scores, predicted, np.full(rows, label)) for label in range(CLASSES)], axis=1)
    np.testing.assert_array_equal(np.sort(ranks, axis=1), np.tile(np.arange(CLASSES), (rows, 1)))
    np.testing.assert_array_equal(ranks.argmin(axis=1), predicted)


def test_classes_with_equal_scores_follow_by_their_ids() -> None:
    scores = np.array([[0.0, 0.0, 0.0]])
    ranks = [int(true_ranks(scores, np.array([1]), np.array([label]))[0]) for label in range(3)]
    assert ranks == [1, 0, 2]


def test_a_sure_right_answer_has_no_loss_and_a_sure_wrong_one_the_largest_brier_score() -> None:
    sure = np.array([[0.0, -50.0]])
    right, wrong = (probability_values(sure, np.array([label])) for label in (0, 1))
    assert right["brier"] == pytest.approx(0)
    assert right["nll"] == 0
    assert wrong["brier"] == pytest.approx(2)
    assert wrong["nll"] == 50
