"""Fit of decision rules: scores are those of rows in other clusters than the ones that a rule was fitted on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.rules import settings

from complaints.core.errors import UserError
from complaints.deciding import fit
from complaints.deciding.fit import Sample, fit_rule, folds_of
from complaints.deciding.params import DecideParams
from complaints.deciding.rule import DecisionRule, apply

CLASSES = 8


def make_sample(rows: int = 600, clusters: int = 150, parts: int = 2) -> tuple[Sample, np.ndarray]:
    """Return rows in clusters of near duplicates, with logits of models, and the training rows of each class."""
    generator = np.random.default_rng(5)
    train_rows = np.array([400, 200, 100, 50, 25, 12, 6, 3])
    cluster = generator.integers(0, clusters, rows)
    true = generator.choice(CLASSES, clusters, p=train_rows / train_rows.sum())[cluster]
    prior = np.log(train_rows / train_rows.sum())
    noise = generator.normal(size=(parts, clusters, CLASSES))[:, cluster] * 1.5
    logits = 2 * (prior + 1.5 * np.eye(CLASSES)[true] + noise)
    names = [f"model-{part}" for part in range(parts)]
    sample = Sample(["validation"], true, [f"c{number}" for number in cluster], dict(zip(names, logits, strict=True)))
    return sample, train_rows


def test_folds_hold_whole_clusters_and_none_is_empty() -> None:
    groups = [f"g{i % 37}" for i in range(500)]
    folds = folds_of(groups, 5)
    assert sorted(set(folds.tolist())) == [0, 1, 2, 3, 4]
    assert len({(group, fold) for group, fold in zip(groups, folds.tolist(), strict=True)}) == 37
    assert folds_of(["a", "b", "a"], 5).max() == 1
    with pytest.raises(UserError, match="two or more near-duplicate clusters"):
        folds_of(["a", "a"], 5)


def test_a_rule_is_better_than_none_and_its_parts_weigh_alike() -> None:
    sample, train_rows = make_sample(rows=3000, clusters=3000)
    rule = fit_rule(sample, train_rows, settings(folds=5), {})
    assert rule.weights["model-0"] == pytest.approx(0.5, abs=0.2)
    assert sum(rule.weights.values()) == pytest.approx(1, abs=1e-6)
    alone = fit_rule(replace(sample, logits={"m": sample.logits["model-0"]}), train_rows, settings(), {})
    assert alone.weights == {"m": 1.0}
    assert rule.fit is not None
    assert alone.fit is not None
    assert rule.fit.nll < alone.fit.nll
    assert rule.fit.accuracy > alone.fit.accuracy
    assert (rule.fit.rows, rule.fit.clusters, rule.fit.folds) == (3000, len(set(sample.groups)), 5)


def test_cross_fitted_scores_are_those_of_rules_fitted_on_the_other_folds() -> None:
    sample, train_rows = make_sample()
    rule = fit_rule(sample, train_rows, settings(), {})
    folds = folds_of(sample.groups, 3)
    right = []
    for fold in range(3):
        here, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        part = subset(sample, others)
        other = with_best_tau(fit_rule(part, train_rows, settings(), {}), part)
        decisions = apply(other, {name: values[here] for name, values in sample.logits.items()})
        right.append(decisions.predicted == sample.true[here])
    assert rule.fit is not None
    assert rule.fit.accuracy == pytest.approx(np.concatenate(right).mean(), abs=1e-6)


def subset(sample: Sample, rows: np.ndarray) -> Sample:
    logits = {name: values[rows] for name, values in sample.logits.items()}
    return Sample(sample.splits, sample.true[rows], [sample.groups[row] for row in rows], logits)


def with_best_tau(rule: DecisionRule, sample: Sample) -> DecisionRule:
    """Return a rule with the tau that has the best macro-F1 on rows."""

    def value(tau: float) -> float:
        predicted = apply(rule.model_copy(update={"tau": tau}), sample.logits).predicted
        return fit.macro_f1(sample.true, predicted, CLASSES)

    return rule.model_copy(update={"tau": max(settings().tau_grid, key=value)})


def _memorise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fit remember its rows, and answer rightly on rows that look like them."""
    known: dict[bytes, int] = {}

    def select_shares(log_p: np.ndarray, true: np.ndarray, prior: np.ndarray, settings: DecideParams) -> np.ndarray:
        known.clear()
        known.update({row.tobytes(): label for row, label in zip(log_p[0], true.tolist(), strict=True)})
        return np.ones(len(log_p))

    def pool(weights: np.ndarray, log_p: np.ndarray) -> np.ndarray:
        answers = [known.get(row.tobytes(), 0) for row in log_p[0]]
        return np.log(np.eye(CLASSES)[answers] * (1 - 1e-6) + 1e-7)

    monkeypatch.setattr(fit, "select_shares", select_shares)
    monkeypatch.setattr(fit, "pool", pool)


def accuracy_of(sample: Sample, train_rows: np.ndarray) -> float:
    rule = fit_rule(sample, train_rows, settings(tau_grid=(0.0,)), {})
    assert rule.fit is not None
    return rule.fit.accuracy


def test_a_fit_that_memorises_its_rows_gains_nothing_on_clusters_and_all_where_clusters_are_torn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Duplicates have the same logits; the planted leak is a fold for each row in place of each cluster."""
    sample, train_rows = make_sample()
    _memorise(monkeypatch)
    assert accuracy_of(sample, train_rows) == pytest.approx(np.mean(sample.true == 0), abs=1e-6)
    torn = replace(sample, groups=[str(row) for row in range(len(sample.true))])
    assert accuracy_of(torn, train_rows) > 0.9


def test_the_choice_among_many_candidates_is_not_rewarded() -> None:
    """The best point of the curve is chosen on the rows that it is scored on; the cross-fitted score is not."""
    sample, train_rows = make_sample(rows=200, clusters=2000, parts=1)
    rule = fit_rule(sample, train_rows, settings(tau_grid=tuple(np.linspace(0, 2, 81).round(3)), folds=5), {})
    assert rule.fit is not None
    assert rule.fit.macro_f1 < max(point.macro_f1 for point in rule.fit.curve) - 0.01


def test_the_json_has_six_digits_and_does_not_depend_on_the_order_of_rows() -> None:
    sample, train_rows = make_sample()
    order = np.random.default_rng(0).permutation(len(sample.true))
    first = fit_rule(sample, train_rows, settings(), {}).model_dump()
    second = fit_rule(subset(sample, order), train_rows, settings(), {}).model_dump()
    assert first == second
    for value in _numbers(first):
        assert value == round(value, 6)


def _numbers(tree: Any) -> list[float]:
    if isinstance(tree, dict | list):
        return [number for value in (tree.values() if isinstance(tree, dict) else tree) for number in _numbers(value)]
    return [tree] if isinstance(tree, float) else []
