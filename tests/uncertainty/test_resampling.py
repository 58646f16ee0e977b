"""Metrics are those of scikit-learn, also on every resample, and errors are those of theory."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from complaints.uncertainty import resampling
from complaints.uncertainty.resampling import Distribution, Rows, System, bootstrap

CLASSES = 7
TIERS = ["head", "head", "mid", "mid", "tail", "tail", "tail"]


@st.composite
def scored_rows(draw: st.DrawFn) -> tuple[Rows, System]:
    count = draw(st.integers(1, 40))
    ids = st.lists(st.integers(0, CLASSES - 1), min_size=count, max_size=count)
    values = st.lists(st.integers(-9, 9), min_size=count, max_size=count)
    system = System(np.array(draw(ids)), {"nll": np.array(draw(values), dtype=float)})
    return Rows(np.array(draw(ids)), np.array(draw(ids)), CLASSES, TIERS), system


def by_scikit_learn(rows: Rows, system: System, weights: np.ndarray) -> dict[str, float]:
    """The metrics of rows of which each occurs as often as its weight, int [rows]."""
    true, predicted = (np.repeat(ids, weights) for ids in (rows.true, system.predicted))
    support = np.bincount(rows.true, minlength=CLASSES)

    def class_mean(score: Callable[..., np.ndarray], labels: np.ndarray) -> float:
        options = {"labels": labels, "average": None, "zero_division": 0}
        whole, values = score(rows.true, system.predicted, **options), score(true, predicted, **options)
        return float(np.mean(whole + [scale(rows, label) for label in labels] * (values - whole)))

    every = np.flatnonzero(support)
    result = {
        "accuracy": accuracy_score(true, predicted),
        "weighted_f1": f1_score(true, predicted, average="weighted", zero_division=0),
        "balanced_accuracy": class_mean(recall_score, every),
        "macro_f1": class_mean(f1_score, every),
        "nll": float(np.average(system.row_values["nll"], weights=weights)),
    }
    parts = {"macro_f1_10": support >= 10}
    parts |= {f"macro_f1_{tier}": (support > 0) & (np.array(TIERS) == tier) for tier in ("head", "mid", "tail")}
    result |= {name: class_mean(f1_score, np.flatnonzero(part)) for name, part in parts.items() if part.any()}
    return result


def scale(rows: Rows, label: int) -> float:
    """sqrt(n / (n - 1)), at most 2, for n clusters with rows of a class, by Kish."""
    of_clusters = np.bincount(rows.clusters[rows.true == label])
    clusters = of_clusters.sum() ** 2 / (of_clusters**2).sum()
    return 2.0 if clusters < 4 / 3 else np.sqrt(clusters / (clusters - 1))


@given(scored_rows())
def test_metrics_of_all_rows_and_of_resamples_are_those_of_scikit_learn(case: tuple[Rows, System]) -> None:
    rows, system = case
    scores = bootstrap(rows, {"it": system}, resamples=3, seed=5)["it"]
    (drawn,) = resampling.draw_clusters(len(np.unique(rows.clusters)), 3, seed=5)
    weights = drawn[np.unique(rows.clusters, return_inverse=True)[1]].astype(int)
    everything = by_scikit_learn(rows, system, np.ones(len(rows), int))
    assert {name: one.value for name, one in scores.items()} == pytest.approx(everything)
    for draw in range(3):
        expected = by_scikit_learn(rows, system, weights[:, draw])
        assert {name: one.resampled[draw] for name, one in scores.items()} == pytest.approx(expected)


@given(scored_rows())
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_balanced_accuracy_is_that_of_scikit_learn(case: tuple[Rows, System]) -> None:
    rows, system = case
    found = bootstrap(rows, {"it": system}, resamples=1)["it"]["balanced_accuracy"].value
    assert found == pytest.approx(balanced_accuracy_score(rows.true, system.predicted))


def test_class_that_is_only_predicted_is_not_on_the_list() -> None:
    rows = Rows(np.array([0, 0, 1]), np.arange(3), 4, ["head"] * 4)
    scores = bootstrap(rows, {"it": System(np.array([0, 0, 2]))}, resamples=2)["it"]
    assert scores["macro_f1"].value == 0.5
    assert "macro_f1_tail" not in scores
    assert "macro_f1_10" not in scores


@given(scored_rows(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(case: tuple[Rows, System], random: Random) -> None:
    rows, system = case
    order = np.array(random.sample(range(len(rows)), len(rows)))
    moved = Rows(rows.true[order], rows.clusters[order], CLASSES, TIERS)
    moved_system = System(system.predicted[order], {"nll": system.row_values["nll"][order]})
    one, other = (bootstrap(r, {"it": s}, 4)["it"] for r, s in ((rows, system), (moved, moved_system)))
    for metric in one:
        np.testing.assert_array_equal(one[metric].resampled, other[metric].resampled)


def random_case(generator: np.random.Generator, count: int, sizes: list[int]) -> tuple[Rows, System]:
    """A test set in which a cluster is right or wrong as a whole."""
    clusters = np.repeat(np.arange(count), generator.choice(sizes, size=count))
    true = generator.integers(3, size=count)[clusters]
    right = (generator.random(count) < 0.6)[clusters]
    return Rows(true, clusters, 3, ["head"] * 3), System(np.where(right, true, (true + 1) % 3))


def test_standard_error_of_accuracy_is_that_of_independent_rows_without_clusters() -> None:
    rows, system = random_case(np.random.default_rng(0), 1000, [1])
    score = bootstrap(rows, {"it": system}, 4000)["it"]["accuracy"]
    assert score.error() == pytest.approx(np.sqrt(score.value * (1 - score.value) / 1000), rel=0.04)


def test_standard_error_of_accuracy_is_that_of_a_ratio_with_clusters() -> None:
    """Linearised: the root of the sum over clusters of (right - accuracy * size)^2, over the rows."""
    rows, system = random_case(np.random.default_rng(0), 1000, [1, 2, 12])
    score = bootstrap(rows, {"it": system}, 4000)["it"]["accuracy"]
    right = np.bincount(rows.clusters, rows.true == system.predicted)
    residuals = right - score.value * np.bincount(rows.clusters)
    assert score.error() == pytest.approx(np.sqrt(np.sum(residuals**2)) / len(rows), rel=0.04)
    assert score.error() > 2 * np.sqrt(score.value * (1 - score.value) / len(rows))


def test_interval_is_normal_without_bias_and_allows_for_up_to_twice_the_bias() -> None:
    normal = np.random.default_rng(0).normal(size=20_000)
    normal = (normal - normal.mean()) / normal.std(ddof=1)
    exact = Distribution(0.4, 0.4 + 0.05 * normal)
    assert exact.interval() == pytest.approx((0.4 - 1.96 * 0.05, 0.4 + 1.96 * 0.05), abs=1e-4)
    assert exact.interval(0.8) == pytest.approx((0.4 - 1.2816 * 0.05, 0.4 + 1.2816 * 0.05), abs=1e-4)
    low = Distribution(0.4, 0.37 + 0.05 * normal)
    assert low.interval() == pytest.approx((0.4 - 1.96 * 0.05, 0.46 + 1.96 * 0.05), abs=1e-4)
    high = Distribution(0.4, 0.43 + 0.05 * normal)
    assert high.interval() == pytest.approx((0.34 - 1.96 * 0.05, 0.4 + 1.96 * 0.05), abs=1e-4)


def test_interval_of_a_share_stays_between_0_and_1() -> None:
    rows, _ = random_case(np.random.default_rng(0), 50, [1])
    good = rows.true.copy()
    good[0] = (good[0] + 1) % 3
    low, high = bootstrap(rows, {"it": System(good)}, 500)["it"]["accuracy"].interval()
    assert 0.9 < low < 0.98
    assert high == 1


def test_draws_are_shared_by_systems_and_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, system = random_case(np.random.default_rng(0), 30, [1, 3])
    other = System(np.zeros_like(system.predicted))
    alone = bootstrap(rows, {"it": system}, 10)["it"]
    monkeypatch.setattr(resampling, "CHUNK", 3)
    both = bootstrap(rows, {"other": other, "it": system, "again": system}, 10)
    for metric, score in alone.items():
        np.testing.assert_array_equal(score.resampled, both["it"][metric].resampled)
        np.testing.assert_array_equal(score.resampled, both["again"][metric].resampled)


@pytest.mark.parametrize(
    ("true", "clusters", "predicted"),
    [([], [], []), ([0, 1], [0], [0, 0]), ([0, 2], [0, 1], [0, 0]), ([0, 1], [0, 1], [0]), ([0, 1], [0, 1], [-1, 0])],
    ids=str,
)
def test_rows_that_do_not_fit_are_refused(true: list[int], clusters: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match=r"must be equal and above 0|is outside"):
        bootstrap(
            Rows(np.array(true, int), np.array(clusters, int), 2, ["head"] * 2), {"it": System(np.array(predicted))}
        )
