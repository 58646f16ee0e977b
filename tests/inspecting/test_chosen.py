"""Chosen complaints: those that are named, else the errors that the model is most sure of."""

import numpy as np
import pytest
from support import small_tfidf

from complaints.core.errors import UserError
from complaints.inspecting.chosen import DEFAULT, choose_rows, explain_rows
from complaints.inspecting.explained import ExplainedTfidf
from complaints.inspecting.samples import HeldOut


def held_out(sure: list[float], wrong: list[bool]) -> HeldOut:
    """Return rows that the model calls 0 with these probabilities."""
    ids = [str(number) for number in range(len(sure))]
    probabilities = np.array([[one, 1 - one] for one in sure])
    return HeldOut(ids, [f"fee {one}" for one in ids], ids, np.array(wrong, np.int64), probabilities)


def test_errors_come_by_their_confidence() -> None:
    rows = held_out([0.9, 0.6, 0.99, 0.8, 0.7, 0.95], [True, True, False, True, True, False])
    assert choose_rows(rows, []).row_ids == ["0", "3", "4"]
    assert len(choose_rows(rows, [])) == DEFAULT
    assert choose_rows(held_out([0.9, 0.6], [True, False]), []).row_ids == ["0"]


def test_without_errors_the_least_certain_are_shown() -> None:
    assert choose_rows(held_out([0.9, 0.6, 0.99, 0.8], [False] * 4), []).row_ids == ["1", "3", "0"]


def test_named_rows_come_in_their_order_and_others_are_refused() -> None:
    rows = held_out([0.9, 0.6, 0.99], [True, False, False])
    assert choose_rows(rows, ["2", "0", "2"]).row_ids == ["2", "0"]
    with pytest.raises(UserError, match="--row test7: validation has no such complaint"):
        choose_rows(rows, ["2", "test7"])


def test_an_error_has_the_reasons_of_both_classes() -> None:
    model = ExplainedTfidf(small_tfidf.fitted())
    text = "late fee charged twice"
    probabilities = model.without(text, [[]])
    rows = HeldOut(["a", "b"], [text] * 2, ["a", "b"], np.array([1, 0]), np.repeat(probabilities, 2, axis=0))
    wrong, right = explain_rows(model, rows)
    assert (wrong.predicted, list(wrong.attributions), list(right.attributions)) == (0, [0, 1], [0])
    assert wrong.attributions[0].explained > wrong.attributions[1].explained
    assert wrong.attended is None
