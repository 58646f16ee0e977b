"""Differences: nothing differs from itself, sides are mirrors, and tests are those of scipy and statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from complaints.uncertainty.paired import LEVEL, POWER, compare, corrected, differences, holm, judge, mcnemar
from complaints.uncertainty.resampling import Distribution, Rows, System, bootstrap

CLASSES = 5


def draw_rows(count: int, generator: np.random.Generator) -> Rows:
    true = generator.integers(CLASSES, size=count)
    return Rows(true, generator.integers(count, size=count), CLASSES, ["head", "head", "mid", "tail", "tail"])


def draw_system(rows: Rows, recall: float, generator: np.random.Generator) -> System:
    right = generator.random(len(rows)) < recall
    predicted = np.where(right, rows.true, generator.integers(CLASSES, size=len(rows)))
    return System(predicted, {"nll": -np.log(np.where(right, 0.9, 0.1))})


@given(st.integers(1, 60), st.integers(0, 10**6), st.integers(1, 3))
def test_a_side_never_differs_from_itself(count: int, seed: int, seeds: int) -> None:
    generator = np.random.default_rng(seed)
    rows = draw_rows(count, generator)
    side = [draw_system(rows, 0.5, generator) for _ in range(seeds)]
    for one in compare(rows, side, side[::-1], resamples=20).values():
        assert (one.value, one.p, one.better, one.needed_rows) == (0, 1, "cannot tell", None)
        assert one.low <= 0 <= one.high


@given(st.integers(2, 60), st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 3))
def test_swapped_sides_are_mirrors(count: int, seed: int, seeds_a: int, seeds_b: int) -> None:
    generator = np.random.default_rng(seed)
    rows = draw_rows(count, generator)
    a = [draw_system(rows, 0.3, generator) for _ in range(seeds_a)]
    b = [draw_system(rows, 0.7, generator) for _ in range(seeds_b)]
    there, back = compare(rows, a, b, resamples=20), compare(rows, b, a, resamples=20)
    opposite = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    for metric, one in there.items():
        other = back[metric]
        assert (other.a, other.b) == (one.b, one.a)
        assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))
        assert (other.p, other.mde, other.needed_rows) == (
            pytest.approx(one.p),
            pytest.approx(one.mde),
            one.needed_rows,
        )
        assert other.better == opposite[one.better]


def test_verdict_interval_p_and_needed_rows_say_the_same() -> None:
    generator = np.random.default_rng(2)
    rows = draw_rows(600, generator)
    a = draw_system(rows, 0.5, generator)
    verdicts = set()
    for recall in np.linspace(0.3, 0.7, 30):
        for metric, one in compare(rows, [a], [draw_system(rows, recall, generator)], resamples=200).items():
            assert (one.p < 0.05) == (not one.low <= 0 <= one.high) == (one.better != "cannot tell")
            assert one.needed_rows is not None
            assert (one.needed_rows <= len(rows)) == (abs(one.value) >= one.mde)
            verdicts.add((one.better, metric == "nll", one.value > 0 if one.better != "cannot tell" else None))
    assert verdicts == {
        ("cannot tell", False, None),
        ("cannot tell", True, None),
        ("better", False, True),
        ("better", True, False),
        ("worse", False, False),
        ("worse", True, True),
    }


def test_error_of_a_difference_is_that_of_paired_rows() -> None:
    """Without clusters, that of a mean of differences of rows."""
    generator = np.random.default_rng(3)
    rows = Rows(generator.integers(CLASSES, size=900), np.arange(900), CLASSES, ["head"] * CLASSES)
    a = draw_system(rows, 0.5, generator)
    b = System(np.where(generator.random(900) < 0.9, a.predicted, rows.true))
    found = compare(rows, [a], [b], resamples=4000)["accuracy"]
    gains = (b.predicted == rows.true).astype(float) - (a.predicted == rows.true)
    assert found.error == pytest.approx(gains.std() / 30, rel=0.04)
    assert found.p == pytest.approx(2 * stats.norm.sf(gains.mean() / (gains.std() / 30)), rel=0.5)
    scores = bootstrap(rows, {"a": a, "b": b}, 1000)
    unpaired = np.hypot(scores["a"]["accuracy"].error(), scores["b"]["accuracy"].error())
    assert found.error < 0.5 * unpaired


def test_seeds_of_a_side_are_its_mean_with_their_spread() -> None:
    generator = np.random.default_rng(4)
    rows = draw_rows(300, generator)
    a, b = ([draw_system(rows, 0.5, generator) for _ in range(seeds)] for seeds in (3, 1))
    values = [float(np.mean(system.predicted == rows.true)) for system in a]
    found = compare(rows, a, b, resamples=50)["accuracy"]
    assert found.a.value == pytest.approx(np.mean(values))
    assert found.a.spread == pytest.approx(np.std(values, ddof=1))
    assert found.b.spread is None


def additive(rows: np.ndarray, seeds: np.ndarray, interaction: np.ndarray) -> list[dict[str, Distribution]]:
    """Scores that are a sum of effects; `interaction` is [seeds, resamples]."""
    return [
        {"accuracy": Distribution(float(seed), seed + rows + own)} for seed, own in zip(seeds, interaction, strict=True)
    ]


def test_variance_over_seeds_is_added_to_that_over_rows() -> None:
    generator = np.random.default_rng(5)
    shared, own = generator.normal(size=5000) * 0.02, generator.normal(size=(2, 5000)) * 0.01
    still = np.zeros((4, 5000))
    a = additive(shared + own[0], np.array([0.38, 0.40, 0.41, 0.41]), still)
    b = additive(shared + own[1], np.array([0.50, 0.50, 0.54, 0.54]), still)
    found = differences(1000, a, b)["accuracy"]
    of_seeds = (np.var([0.38, 0.40, 0.41, 0.41], ddof=1) + np.var([0.5, 0.5, 0.54, 0.54], ddof=1)) / 4
    assert found.value == pytest.approx(0.12)
    assert found.error == pytest.approx(np.sqrt(2 * 0.01**2 + of_seeds), rel=0.02)
    assert found.high - found.value > 1.96 * found.error  # Student's t: four seeds say little about their variance
    assert found.better == "better"


def test_needed_rows_reduce_the_variance_over_rows_alone() -> None:
    """With that many rows, the value is the minimal detectable effect."""
    rows, still = np.random.default_rng(9).normal(size=5000) * 0.05, np.zeros((2, 5000))
    a = additive(rows, np.array([0.30, 0.32]), still)
    found = differences(1000, a, additive(-rows, np.array([0.5, 0.52]), still))["accuracy"]
    assert found.needed_rows is not None
    of_seeds = 2 * np.var([0.30, 0.32], ddof=1) / 2
    error = np.sqrt((found.error**2 - of_seeds) * 1000 / found.needed_rows + of_seeds)
    assert found.mde / found.error * error == pytest.approx(found.value, rel=1e-3)


def test_seeds_that_differ_by_the_chance_of_their_rows_alone_add_nothing() -> None:
    generator = np.random.default_rng(6)
    noise = [generator.normal(size=(3, 5000)) * 0.01 for _ in range(2)]
    a, b = (additive(np.zeros(5000), np.array([0.391, 0.4, 0.409]), own) for own in noise)
    found = differences(1000, a, b)["accuracy"]
    assert found.a.spread == pytest.approx(0.009)
    assert found.error == pytest.approx(0.01 * np.sqrt(2 / 3), rel=0.05)


def test_no_number_of_rows_makes_up_for_seeds_that_differ() -> None:
    rows = np.random.default_rng(7).normal(size=1000) * 0.001
    a = additive(rows, np.array([0.3, 0.5]), np.zeros((2, 1000)))
    b = additive(-rows, np.array([0.35, 0.55]), np.zeros((2, 1000)))
    found = differences(1000, a, b)["accuracy"]
    assert (found.better, found.needed_rows) == ("cannot tell", None)


def test_empty_side_is_refused() -> None:
    generator = np.random.default_rng(0)
    rows = draw_rows(9, generator)
    with pytest.raises(ValueError, match="no system"):
        compare(rows, [], [draw_system(rows, 0.5, generator)])


def test_mcnemar_is_the_sign_test_of_rows_on_which_one_alone_is_right() -> None:
    true = np.zeros(30, int)
    a, b = np.zeros(30, int), np.zeros(30, int)
    a[:9], b[9:11], b[11:15], a[11:15] = 1, 1, 1, 2
    assert mcnemar(true, a, b) == pytest.approx(stats.binomtest(2, 11).pvalue) == pytest.approx(0.0654296875)
    assert mcnemar(true, b, a) == mcnemar(true, a, b)
    assert mcnemar(true, a, a) == 1


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_that_of_statsmodels(only_a: int, only_b: int) -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    true = np.zeros(only_a + only_b + 5, int)
    a, b = true.copy(), true.copy()
    b[:only_a], a[only_a : only_a + only_b] = 1, 1
    assert mcnemar(true, a, b) == pytest.approx(tables.mcnemar([[5, only_a], [only_b, 0]], exact=True).pvalue)


def test_holm_is_the_example_of_the_step_down_procedure() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.5, 0.9])), [1, 1])
    assert holm(np.array([])).size == 0


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


@given(P_VALUES)
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: np.ndarray) -> None:
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.3):
        rejected: set[int] = set()
        for number, index in enumerate(np.argsort(p_values, kind="stable")):
            if p_values[index] * (len(p_values) - number) > level:
                break
            rejected.add(int(index))
        assert set(np.flatnonzero(adjusted <= level).tolist()) == rejected


@given(P_VALUES)
def test_holm_is_that_of_statsmodels(p_values: np.ndarray) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    np.testing.assert_allclose(holm(p_values), multitest.multipletests(p_values, method="holm")[1])


def test_families_are_judged_by_their_corrected_p_values() -> None:
    generator = np.random.default_rng(8)
    rows = draw_rows(500, generator)
    a = draw_system(rows, 0.5, generator)
    found = {
        number: compare(rows, [a], [draw_system(rows, recall, generator)], resamples=200)["accuracy"]
        for number, recall in enumerate((0.5, 0.56, 0.57, 0.58, 0.8))
    }
    family = corrected(found)
    np.testing.assert_allclose([one.p for one in family.values()], holm(np.array([one.p for one in found.values()])))
    assert all(one.better == judge("accuracy", one.value, one.p) for one in family.values())
    for one, alone in zip(family.values(), found.values(), strict=True):
        assert one.mde >= alone.mde
        critical = stats.norm.isf(LEVEL * alone.p / one.p / 2) * one.error
        assert (one.better != "cannot tell") == (abs(one.value) > critical)
        assert one.mde == pytest.approx(critical + stats.norm.ppf(POWER) * one.error)
        needed = len(rows) * (one.mde / one.value) ** 2 if one.value else None
        assert one.needed_rows == (needed and pytest.approx(needed, abs=1))
    assert sum(one.better == "cannot tell" for one in family.values()) > sum(
        one.better == "cannot tell" for one in found.values()
    )
