"""Metrics equal those of scikit-learn."""

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
    listed = np.unique(true)
    fixed = f1_score(true, predicted, labels=listed, average="macro", zero_division=0)
    assert metrics.macro_f1(scores) == pytest.approx(fixed)
    every = f1_score(true, predicted, average="macro", zero_division=0)
    assert metrics.macro_f1_sklearn(scores) == pytest.approx(every)
    assert metrics.weighted_f1(scores) == pytest.approx(f1_score(true, predicted, average="weighted", zero_division=0))
    assert metrics.accuracy(true, predicted) == accuracy_score(true, predicted)


def test_class_without_true_rows_counts_as_absent_not_as_zero_f1() -> None:
    # Class 0 is predicted correctly, class 1 is missed, class 2 is predicted but absent, class 3 does not occur.
    scores = metrics.class_scores(np.array([0, 0, 1]), np.array([0, 0, 2]), 4)
    assert metrics.zero_f1_classes(scores) == 1
    assert metrics.absent_classes(scores) == 2
    # Of the classes with rows, 0 has an F1 of 1 and 1 has none; scikit-learn counts class 2 too.
    assert metrics.macro_f1(scores) == pytest.approx(1 / 2)
    assert metrics.macro_f1_sklearn(scores) == pytest.approx(1 / 3)


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
