"""Answers of a row: confidence, calibration, and a ranking that is that of the label."""

import numpy as np
import pytest

from complaints.core.schema import HELD_OUT
from complaints.deciding.rule import DecisionRule, apply, log_softmax
from complaints.evaluation.answers import Answers

LOGITS = np.random.default_rng(0).normal(size=(200, 6))
RULE = DecisionRule(weights={"net": 1.0}, temperature=2.0, tau=1.0, train_rows=[1000, 300, 100, 30, 10, 3])


def answers(rule: DecisionRule | None) -> Answers:
    """Return the answers of LOGITS on both splits."""
    if rule is None:
        found, predicted = log_softmax(LOGITS), LOGITS.argmax(axis=1)
    else:
        decided = apply(rule, {"net": LOGITS})
        found, predicted = decided.log_probabilities, decided.predicted
    return Answers("net", "net", rule, dict.fromkeys(HELD_OUT, found), dict.fromkeys(HELD_OUT, predicted))


@pytest.mark.parametrize("rule", [None, RULE])
def test_classes_are_ranked_by_the_scores_that_decide_the_label(rule: DecisionRule | None) -> None:
    found = answers(rule)
    scores = LOGITS if rule is None else apply(rule, {"net": LOGITS}).scores
    np.testing.assert_array_equal(np.argsort(-found.ranking("test"), axis=1), np.argsort(-scores, axis=1))
    true = np.random.default_rng(1).integers(0, 6, 200)
    first = np.argsort(-scores, axis=1)[:, :3]
    expected = (first == true[:, None]).any(axis=1)
    np.testing.assert_array_equal(found.row_values("test", true)["top3_accuracy"], expected)


def test_the_adjustment_changes_the_ranking_and_not_the_probabilities() -> None:
    raw, adjusted = answers(None), answers(RULE.model_copy(update={"temperature": 1.0}))
    np.testing.assert_allclose(raw.log_probabilities["test"], adjusted.log_probabilities["test"])
    assert (np.argsort(raw.ranking("test")) != np.argsort(adjusted.ranking("test"))).any()


def test_uncalibrated_probabilities_are_those_of_the_model() -> None:
    confidence, log_probabilities = answers(RULE).uncalibrated("test")
    np.testing.assert_allclose(log_probabilities, log_softmax(LOGITS))
    own = log_softmax(LOGITS)[np.arange(200), answers(RULE).predicted["test"]]
    np.testing.assert_allclose(confidence, np.exp(own))
    assert (answers(RULE).confidence("test") != confidence).all()
    np.testing.assert_array_equal(answers(None).uncalibrated("test")[0], answers(None).confidence("test"))
