"""Compared rows of snapshots that differ in labels, rows or order."""

import numpy as np
import pytest

from complaints.comparing.compared_rows import ComparedRows, make_compared_rows
from complaints.core.errors import UserError
from complaints.deciding.rule import Decisions
from complaints.evaluation.truth import Truth


def make(labels: list[str], rows: dict[str, str], in_train: frozenset[str] = frozenset()) -> Truth:
    """Return splits: row id -> label of its test rows, each a cluster named like the row's digit."""
    ids, classes = list(rows), np.array([labels.index(label) for label in rows.values()])
    splits = ("train", "validation", "test")
    seen = np.array([row_id in in_train for row_id in ids])
    return Truth(
        labels,
        dict.fromkeys(splits, ids),
        dict.fromkeys(splits, classes),
        {"validation": seen, "test": seen},
        {"test": np.array([int(row_id[-1]) for row_id in ids])},
        {"test": [f"text of {row_id}" for row_id in ids]},
        {},
        {},
        False,
    )


ROWS = {"a1": "Fee", "b1": "Late", "c2": "Fee", "d3": "Loan"}
LABELS = ["Fee", "Late", "Loan"]


def refusal(labels: list[str], rows: dict[str, str]) -> tuple[str, ComparedRows]:
    """Return the message for a second snapshot, and the test set of what is common."""
    truths = {"main": make(LABELS, ROWS), "exp": make(labels, rows)}
    with pytest.raises(UserError, match="--common-rows compares on what both have") as refused:
        make_compared_rows(truths, "test", common=False)
    return str(refused.value), make_compared_rows(truths, "test", common=True)


def test_the_same_rows_in_another_order_are_matched() -> None:
    shuffled = {name: ROWS[name] for name in ("d3", "a1", "c2", "b1")}
    truths = {"main": make(LABELS, ROWS), "exp": make(LABELS, shuffled)}
    test = make_compared_rows(truths, "test", common=False)
    assert test.row_ids == list(ROWS)
    assert test.indices["exp"].tolist() == [1, 3, 2, 0]
    assert test.rows.clusters.tolist() == [1, 1, 2, 3]
    assert test.texts[3] == "text of d3"
    assert test.rows.true.tolist() == [0, 1, 0, 2]
    assert test.notes == []


def test_the_same_labels_in_another_order_are_matched() -> None:
    truths = {"main": make(LABELS, ROWS), "exp": make(LABELS[::-1], ROWS)}
    test = make_compared_rows(truths, "test", common=False)
    assert test.row_ids == list(ROWS)
    assert test.class_ids["exp"].tolist() == [2, 1, 0]


def test_another_number_of_rows() -> None:
    message, test = refusal(LABELS, {"a1": "Fee", "d3": "Loan", "e4": "Loan"})
    assert "the test rows differ: 4 in main, 3 in exp, 2 common" in message
    assert test.row_ids == ["a1", "d3"]
    assert "compared on the 2 common rows of 2 classes (4 in main, 3 in exp)" in test.notes


def test_another_label_of_a_row() -> None:
    message, test = refusal(LABELS, ROWS | {"c2": "Late"})
    assert "the labels of 1 test rows differ: row c2 is 'Fee' in main and 'Late' in exp" in message
    assert test.row_ids == ["a1", "b1", "d3"]


def test_another_vocabulary_keeps_rows_whose_class_both_have() -> None:
    message, test = refusal(["Card", "Fee", "Loan"], ROWS | {"b1": "Card"})
    assert "the labels differ: 3 classes in main, 3 in exp, 2 not common, such as 'Late' of main" in message
    assert test.row_ids == ["a1", "c2", "d3"]
    assert test.labels == ["Fee", "Late", "Loan", "Card"]
    probabilities = np.log(np.array([[0.2, 0.5, 0.3]] * 4))
    answers = test.answers("exp", Decisions(probabilities, probabilities))
    assert answers.predicted.tolist() == [0, 0, 0]  # Fee has another id in exp
    assert np.exp(answers.log_probabilities[0]).tolist() == pytest.approx([0.5, 0, 0.3, 0.2])


def test_no_common_row_is_an_error() -> None:
    truths = {"main": make(LABELS, ROWS), "exp": make(LABELS, {"x1": "Fee"})}
    with pytest.raises(UserError, match="no row of test has the same label in main, exp"):
        make_compared_rows(truths, "test", common=True)


def test_never_seen_means_in_no_training_set_of_either_side() -> None:
    truths = {
        "main": make(LABELS, ROWS, frozenset({"a1"})),
        "exp": make(LABELS, ROWS, frozenset({"d3"})),
    }
    test = make_compared_rows(truths, "test_never_seen", common=False)
    assert test.row_ids == ["b1", "c2"]
    assert [test.indices[name].tolist() for name in truths] == [[1, 2], [1, 2]]
