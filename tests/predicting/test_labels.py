"""Labels are ordered by logit, ties by class id, and probabilities are those of the softmax."""

import numpy as np
import pytest

from complaints.predicting.labels import label_columns

NAMES = ["a", "b", "c", "d"]


def test_the_three_most_probable_labels_and_their_probabilities() -> None:
    table = label_columns(NAMES, np.log([[0.1, 0.2, 0.3, 0.4]]), np.array([True, False]))
    assert table.to_pylist()[0] == dict.fromkeys(table.column_names)
    row = table.to_pylist()[1]
    assert [row["label"], row["label_2"], row["label_3"]] == ["d", "c", "b"]
    assert [row["probability"], row["probability_2"], row["probability_3"]] == [0.4, 0.3, 0.2]


def test_equal_logits_have_the_label_of_argmax() -> None:
    logits = np.random.default_rng(0).integers(0, 3, (200, 4)).astype(np.float32)
    table = label_columns(NAMES, logits, np.zeros(200, bool))
    assert table["label"].to_pylist() == [NAMES[i] for i in logits.argmax(axis=1)]


@pytest.mark.parametrize("classes", [1, 2])
def test_fewer_classes_have_fewer_columns(classes: int) -> None:
    table = label_columns(NAMES[:classes], np.zeros((1, classes)), np.zeros(1, bool))
    assert table.num_columns == 2 * classes
