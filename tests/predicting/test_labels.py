"""Labels are ordered by logit, ties by class id, and probabilities are those of the softmax."""

import numpy as np
import pytest

from complaints.deciding.rule import Decisions, log_softmax
from complaints.predicting.labels import label_columns

NAMES = ["a", "b", "c", "d"]


def decisions(logits: np.ndarray) -> Decisions:
    """Return the decisions without a rule."""
    return Decisions(log_softmax(logits), logits)


def test_the_three_most_probable_labels_and_their_probabilities() -> None:
    table = label_columns(NAMES, decisions(np.log([[0.1, 0.2, 0.3, 0.4]])), np.array([True, False]))
    assert table.to_pylist()[0] == dict.fromkeys(table.column_names)
    row = table.to_pylist()[1]
    assert [row["label"], row["label_2"], row["label_3"]] == ["d", "c", "b"]
    assert [row["probability"], row["probability_2"], row["probability_3"]] == [0.4, 0.3, 0.2]


def test_equal_logits_have_the_label_of_argmax() -> None:
    logits = np.random.default_rng(0).integers(0, 3, (200, 4)).astype(np.float32)
    table = label_columns(NAMES, decisions(logits), np.zeros(200, bool))
    assert table["label"].to_pylist() == [NAMES[i] for i in logits.argmax(axis=1)]


@pytest.mark.parametrize("classes", [1, 2])
def test_fewer_classes_have_fewer_columns(classes: int) -> None:
    table = label_columns(NAMES[:classes], decisions(np.zeros((1, classes))), np.zeros(1, bool))
    assert table.num_columns == 2 * classes


def test_probabilities_are_calibrated_ones_in_the_order_of_the_scores() -> None:
    """An adjusted label may have a lower probability than the label after it."""
    probabilities = np.array([[0.5, 0.3, 0.15, 0.05]])
    adjusted = np.log(probabilities) - np.log([[0.9, 0.05, 0.03, 0.02]])
    row = label_columns(NAMES, Decisions(np.log(probabilities), adjusted), np.zeros(1, bool)).to_pylist()[0]
    assert list(row.values()) == ["b", 0.3, "c", 0.15, "d", 0.05]


def test_a_row_below_the_confidence_has_no_label_and_is_unsure() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1, 0.0], [0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.25, 0.55]]) + 1e-12
    blank = np.array([False, True, False, False])
    rows = label_columns(NAMES, decisions(np.log(probabilities)), blank, least=0.5).to_pylist()
    assert [row["label"] for row in rows] == ["a", None, None, "d"]
    assert [row["unsure"] for row in rows] == [False, None, True, False]
    assert [row["probability"] for row in rows] == [0.7, None, 0.4, 0.55]
    assert rows[2]["label_2"] == "b"
