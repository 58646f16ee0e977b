"""Hard complaints: no model gets them right; confident errors: the model was sure."""

import numpy as np
import pytest

from complaints.error_analysis.hard_complaints import LISTED, confident_errors, hardest

TRUE = np.array([0, 1, 2, 0])
ONE = np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.1, 0.9, 0.0001]])
TWO = np.array([[0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.9, 0.05, 0.05], [0.3, 0.5, 0.2]])


def test_confident_errors_are_those_of_the_answers_most_confident_first() -> None:
    found = confident_errors(ONE, TRUE, ONE.argmax(axis=1))
    assert [(item.index, item.true, item.predicted, item.confidence, item.p_true) for item in found] == [
        (3, 0, 1, 0.9, 0.1),
        (2, 2, 0, 0.7, 0.1),
        (1, 1, 0, 0.6, 0.3),
    ]


def test_the_hardest_are_missed_by_every_model_least_likely_first() -> None:
    found = hardest({"one": np.log(ONE), "two": np.log(TWO)}, TRUE)
    assert [item.index for item in found] == [2, 3, 1]
    assert found[0].p_true == pytest.approx(np.sqrt(0.1 * 0.05), abs=1e-6)
    assert (found[0].predicted, found[0].confidence) == (0, pytest.approx(0.8))
    # The models disagree on row 1, and the first of them decides.
    assert (found[2].predicted, found[2].confidence) == (0, pytest.approx(0.4))


def test_lists_are_short_and_ties_are_in_the_order_of_rows() -> None:
    rows = 3 * LISTED
    same = np.tile([0.2, 0.8], (rows, 1))
    true = np.zeros(rows, int)
    assert [item.index for item in confident_errors(same, true, same.argmax(axis=1))] == list(range(LISTED))
    assert [item.index for item in hardest({"m": np.log(same)}, true)] == list(range(LISTED))
