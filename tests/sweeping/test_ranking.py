"""The ranking: order, intervals, the set of points that may be the best, and the luck of the choice."""

import numpy as np
import pytest
from scipy import stats

from complaints.sweeping.ranking import LEVEL, Noise, best_p_values, noise_of, optimism, rank
from complaints.sweeping.record import PointRecord
from complaints.uncertainty.resampling import Distribution, Rows, System, bootstrap


def point(number: int) -> PointRecord:
    return PointRecord(values={"k": number}, runs=())


def test_points_are_ranked_with_the_interval_of_the_bootstrap() -> None:
    generator = np.random.default_rng(1)
    true = generator.integers(3, size=600)
    rows = Rows(true, np.arange(600), 3, ["head"] * 3)
    systems = []
    for wrong in (300, 60, 70):
        predicted, shift = true.copy(), generator.permutation(600)[:wrong]
        predicted[shift] = (predicted[shift] + 1) % 3
        systems.append(System(predicted))
    ranking = rank(rows, [(point(i), [system]) for i, system in enumerate(systems)], "accuracy", resamples=2000)
    assert [one.point.values["k"] for one in ranking.points] == [1, 2, 0]
    assert [one.may_be_best for one in ranking.points] == [True, True, False]
    best = ranking.points[0]
    assert best.score == pytest.approx(np.mean(systems[1].predicted == true))
    error = np.sqrt(best.score * (1 - best.score) / 600)
    assert (best.high - best.low) / 2 == pytest.approx(1.96 * error, rel=0.05)
    assert best.spread is None
    assert ranking.points[2].behind == pytest.approx(best.score - ranking.points[2].score)
    assert 0 < ranking.optimism < 2 * error


def test_equal_points_may_both_be_best_and_a_single_one_is() -> None:
    rows = Rows(np.array([0, 1] * 20), np.arange(40), 2, ["head"] * 2)
    same = System(np.array([0, 1, 1, 1] * 10))
    ranking = rank(rows, [(point(0), [same]), (point(1), [same])], "accuracy", resamples=50)
    assert [(one.point.values["k"], one.p) for one in ranking.points] == [(0, 1.0), (1, 1.0)]
    assert [one.p for one in rank(rows, [(point(0), [same])], "accuracy", resamples=50).points] == [1.0]


def test_the_variance_of_seeds_is_pooled_over_points() -> None:
    def seeds(*values: float) -> list[Distribution]:
        return [Distribution(value, np.full(10, value)) for value in values]

    noise = noise_of([seeds(0.1, 0.3), seeds(0.5, 0.5)], 13)
    assert noise.of_seeds == pytest.approx(np.var([0.1, 0.3], ddof=1) / 2 / 2)
    assert noise.freedom == 2
    assert noise.variance(0).total == pytest.approx(noise.of_seeds)
    assert noise.variance(0).quantile(0.975) == pytest.approx(stats.t.ppf(0.975, 2))


def test_the_p_value_of_two_points_is_that_of_their_one_sided_test() -> None:
    draws = np.random.default_rng(3).standard_normal((2, 20_000)) * 0.01
    noise = Noise(draws - draws.mean(axis=1, keepdims=True), 0.0, float("inf"), 13)
    p_values = best_p_values(np.array([0.5, 0.48]), noise)
    assert p_values[1] == pytest.approx(stats.norm.sf(0.02 / 0.01 / np.sqrt(2)), abs=0.01)
    assert p_values[0] == pytest.approx(1 - p_values[1], abs=0.01)


def test_optimism_of_equal_points_is_that_of_a_maximum_of_normals() -> None:
    draws = np.random.default_rng(3).standard_normal((8, 20_000)) * 0.01
    noise = Noise(draws, 0.0, float("inf"), 13)
    assert optimism(np.full(8, 0.5), noise) == pytest.approx(0.01 * 1.4236, rel=0.03)  # Tippett's E max of 8
    assert optimism(np.array([0.5] + [0.2] * 7), noise) == pytest.approx(0, abs=0.0005)


def test_the_truly_best_point_is_kept_at_the_promised_rate() -> None:
    """Eight equal points with two seeds each on clustered rows; 120 repetitions of a rate of 0.95."""
    generator, kept, repetitions = np.random.default_rng(7), 0, 120
    clusters = np.repeat(np.arange(100), 2)
    rows = Rows(np.zeros(200, np.int64), clusters, 2, ["head"] * 2)
    for _ in range(repetitions):
        shared, systems = generator.standard_normal(100), {}
        for index in range(8):
            own = shared + 0.5 * generator.standard_normal(100)
            for seed in range(2):
                score = 0.5 + 0.1 * generator.standard_normal() + own[clusters] + 0.5 * generator.standard_normal(200)
                systems[f"{index}.{seed}"] = System((score < 0).astype(np.int64))
        drawn = bootstrap(rows, systems, 200, int(generator.integers(2**31)))
        groups = [[drawn[f"{index}.{seed}"]["accuracy"] for seed in range(2)] for index in range(8)]
        values = np.array([np.mean([one.value for one in group]) for group in groups])
        kept += best_p_values(values, noise_of(groups, 13))[0] > LEVEL
    assert stats.binom.cdf(kept, repetitions, 0.95) > 0.01
    assert kept < repetitions  # it also leaves points out
