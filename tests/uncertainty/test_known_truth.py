"""Intervals and tests keep their promises on test sets whose true scores are known."""

import sys

import numpy as np
import pytest
from support.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from harness.known_truth import answer, answer_table, draw_rows, long_tailed_recall, population, true_scores
from harness.trials import Setting, measure_pairs, measure_recipes

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
def test_intervals_contain_the_truth_and_differences_are_found_where_they_are() -> None:
    setting = Setting(population(40, more_clusters=5), 1500, resamples=300)
    null, planted = (measure_pairs(setting, 300, gain, METRICS) for gain in (0, 0.15))
    for metric in METRICS:
        assert 0.88 <= null[metric]["interval"] <= 0.99, metric
        assert null[metric]["interval by rows"] < null[metric]["interval"], metric
        assert null[metric]["found"] <= 0.08, metric
        assert null[metric]["found by rows"] > null[metric]["found"] + 0.03, metric
        assert 0.91 <= planted[metric]["covered"] <= 0.99, metric
        assert planted[metric]["found"] > 3 * null[metric]["found"], metric
    assert null["macro_f1"]["percentiles"] < null["macro_f1"]["interval"] - 0.05
    assert planted["macro_f1"]["found"] > 0.6
    assert null["accuracy"]["found by McNemar"] > 0.08


@pytest.mark.slow
def test_recipes_differ_only_where_a_difference_is_planted() -> None:
    setting = Setting(population(40), 1000, resamples=200)
    for spread in (0, 0.12):
        null = measure_recipes(setting, 200, 0, 3, spread, METRICS)
        assert all(shares["found"] <= 0.085 for shares in null.values()), null
    assert null["accuracy"]["found by one seed each"] > 0.1
    assert measure_recipes(setting, 60, 0.2, 3, 0, METRICS)["macro_f1"]["found"] > 0.9
