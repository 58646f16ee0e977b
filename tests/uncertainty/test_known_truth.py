"""Intervals and tests keep their promises on test sets whose true scores are known."""

import sys

import numpy as np
import pytest
from support.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from harness.known_truth import answer, answer_table, draw_rows, long_tailed_recall, population, true_scores
from harness.trials import Setting, coverage, found_differences, found_recipes

METRICS = ("accuracy", "macro_f1", "macro_f1_10")


def test_true_scores_are_those_of_a_large_test_set() -> None:
    source = population(12)
    generator = np.random.default_rng(0)
    draw = draw_rows(source, 200_000, generator)
    table = answer_table(source.prior, long_tailed_recall(source.prior))
    first, second = answer(draw, [table, table], 0.7, generator)
    truth = true_scores(source.prior, table, np.bincount(draw.rows.true))
    right = first.predicted == draw.rows.true
    assert np.mean(right) == pytest.approx(truth["accuracy"], abs=0.01)
    assert 0.7 < np.mean(first.predicted == second.predicted) < 0.95
    both = draw.rows.clusters[1:] == draw.rows.clusters[:-1]
    assert np.mean(first.predicted[1:][both] == first.predicted[:-1][both]) > 0.8


@pytest.mark.slow
def test_intervals_contain_the_truth() -> None:
    setting = Setting(population(40, more_clusters=5), 1500, resamples=400)
    for metric, ways in coverage(setting, 500, METRICS).items():
        assert 0.92 <= ways["interval"] <= 0.98, metric
        assert ways["rows"] < ways["interval"] - 0.02, metric


@pytest.mark.slow
def test_differences_are_found_where_they_are_and_not_elsewhere() -> None:
    setting = Setting(population(40, more_clusters=5), 1500, resamples=400)
    null, planted = (found_differences(setting, 400, gain, METRICS) for gain in (0, 0.15))
    for metric in METRICS:
        assert null[metric]["clusters"] <= 0.08, metric
        assert null[metric]["rows"] > null[metric]["clusters"] + 0.03, metric
        assert 0.92 <= planted[metric]["covered"] <= 0.99, metric
        assert planted[metric]["clusters"] > 0.6, metric
    assert null["accuracy"]["mcnemar"] > 0.08


@pytest.mark.slow
def test_recipes_differ_only_where_a_difference_is_planted() -> None:
    setting = Setting(population(40), 1000, resamples=300)
    for spread in (0, 0.12):
        null = found_recipes(setting, 300, 0, 3, spread, METRICS)
        assert all(ways["ours"] <= 0.08 for ways in null.values()), null
    assert null["accuracy"]["one seed"] > 0.1
    assert found_recipes(setting, 100, 0.2, 3, 0, METRICS)["macro_f1"]["ours"] > 0.9
