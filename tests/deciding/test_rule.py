"""Decision rules: an example by hand, and files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax as log_softmax_of_scipy

from complaints.core.errors import UserError
from complaints.core.files import read_json, write_json
from complaints.deciding.rule import (
    DecisionRule,
    Decisions,
    apply,
    check_predictions,
    log_softmax,
    read_rule,
    write_rule,
)

RULE = DecisionRule(weights={"a": 0.25, "b": 0.75}, temperature=0.5, tau=1.0, train_rows=[7, 1])


def test_an_example_by_hand() -> None:
    """z = 0.25 log (0.5, 0.5) + 0.75 log (0.8, 0.2), over 0.5: odds (0.8 / 0.2) ** 1.5 = 8; the prior is 8 : 2."""
    a, b = np.log([[0.5, 0.5]]), np.log([[0.8, 0.2]]) + 3
    decisions = apply(RULE, {"a": a, "b": b, "other": np.full((1, 2), np.nan)})
    np.testing.assert_allclose(np.exp(decisions.log_probabilities), [[8 / 9, 1 / 9]])
    np.testing.assert_allclose(decisions.scores, np.log([[8 / 9 / 0.8, 1 / 9 / 0.2]]))
    assert decisions.predicted.tolist() == [0]
    rule = RULE.model_copy(update={"tau": 2.0})
    decisions = apply(rule, {"a": a, "b": b})
    assert decisions.predicted.tolist() == [1]
    np.testing.assert_allclose(decisions.confidence, [1 / 9])


def test_log_softmax_is_that_of_scipy() -> None:
    logits = np.random.default_rng(0).normal(scale=300, size=(50, 7)).astype(np.float32)
    np.testing.assert_allclose(log_softmax(logits), log_softmax_of_scipy(logits.astype(np.float64), axis=1), atol=1e-9)


def test_a_rule_that_changes_nothing_has_the_labels_of_the_logits() -> None:
    logits = np.random.default_rng(0).integers(-3, 3, (500, 5)).astype(np.float32)
    rule = DecisionRule(weights={"a": 1.0}, temperature=1.3, tau=0.0, train_rows=[5, 4, 3, 2, 1])
    np.testing.assert_array_equal(apply(rule, {"a": logits}).predicted, logits.argmax(axis=1))


def test_a_part_without_weight_is_not_needed() -> None:
    rule = DecisionRule(weights={"a": 1.0, "b": 0.0}, temperature=1.0, tau=0.0, train_rows=[1, 1])
    assert apply(rule, {"a": np.array([[0.0, 1.0]])}).predicted.tolist() == [1]


def test_confidence_is_the_probability_of_the_label() -> None:
    decisions = Decisions(np.log([[0.7, 0.3], [0.4, 0.6]]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(decisions.confidence, [0.3, 0.6])


def test_a_file_is_read_back_and_a_broken_one_is_named(tmp_path: Path) -> None:
    write_rule(tmp_path, "net", RULE)
    assert read_rule(tmp_path, "net") == RULE
    write_json(tmp_path / "net.json", read_json(tmp_path / "net.json") | {"tau": -1.0})
    with pytest.raises(UserError, match=r"net\.json is not a decision rule \(tau: Input should be greater"):
        read_rule(tmp_path, "net")
    with pytest.raises(UserError, match=r"other\.json is missing; run `dvc repro`"):
        read_rule(tmp_path, "other")


def test_a_rule_by_hand_has_no_predictions_to_check(tmp_path: Path) -> None:
    check_predictions(tmp_path, "net", RULE, tmp_path)
