"""Classes won and lost: F1 as in scikit-learn, planted gains found, noise not."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from complaints.comparing.classes import class_changes
from complaints.uncertainty.resampling import Rows, System

CLASSES = 30


def make_rows(generator: np.random.Generator, size: int = 900) -> Rows:
    """Return rows in clusters of about two; class frequencies fall from 200 rows to a few."""
    share = 1 / np.arange(1, CLASSES + 1)
    true = generator.choice(CLASSES, size=size, p=share / share.sum())
    return Rows(true, generator.integers(size // 2, size=size), CLASSES, ["head"] * CLASSES)


def answers(generator: np.random.Generator, rows: Rows, right: float | np.ndarray) -> System:
    """Return a system that is right with a probability, for each row, and guesses otherwise."""
    guessed = generator.permutation(rows.true)
    return System(np.where(generator.random(len(rows.true)) < right, rows.true, guessed))


def test_f1_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    rows = make_rows(generator)
    a, b = answers(generator, rows, 0.5), answers(generator, rows, 0.7)
    expected = [f1_score(rows.true, one.predicted, average=None, labels=range(CLASSES)) for one in (a, b)]
    changes = class_changes(rows, [a], [b], resamples=100, seed=1)
    assert {change.class_id for change in changes} == set(np.unique(rows.true).tolist())
    for change in changes:
        assert change.difference.a.value == pytest.approx(expected[0][change.class_id])
        assert change.difference.b.value == pytest.approx(expected[1][change.class_id])
        assert change.support == np.sum(rows.true == change.class_id)
        assert -1 <= change.difference.low <= change.difference.high <= 1


def test_a_planted_gain_and_loss_are_found_and_come_first_and_last() -> None:
    generator = np.random.default_rng(1)
    rows = make_rows(generator)
    a = answers(generator, rows, 0.6)
    predicted = a.predicted.copy()
    predicted[rows.true == 0] = 0
    predicted[rows.true == 1] = 2
    changes = class_changes(rows, [a], [System(predicted)], resamples=500, seed=1)
    assert (changes[0].class_id, changes[0].beyond_noise, changes[0].difference.better) == (0, True, "better")
    assert (changes[-1].class_id, changes[-1].beyond_noise, changes[-1].difference.better) == (1, True, "worse")


def test_three_rows_that_all_change_are_not_beyond_noise() -> None:
    """The bootstrap alone would say so: a resample without any of them has a probability of 5 %."""
    true = np.repeat([0, 1], [200, 3])
    rows = Rows(true, np.arange(203), 2, ["head"] * 2)
    a, b = System(np.zeros(203, dtype=np.int64)), System(true)
    changes = {change.class_id: change for change in class_changes(rows, [a], [b], resamples=500, seed=1)}
    assert changes[1].difference.value == 1
    assert not changes[1].beyond_noise
    assert changes[1].difference.p == pytest.approx(2 * stats.binomtest(3, 3).pvalue)  # Holm, 2 classes


def test_rows_of_a_cluster_have_one_vote() -> None:
    true = np.repeat([0, 1], [100, 12])
    a, b = System(np.zeros(112, dtype=np.int64)), System(true)
    alone = Rows(true, np.arange(112), 2, ["head"] * 2)
    one_cluster = Rows(true, np.minimum(np.arange(112), 100), 2, ["head"] * 2)
    for rows, found in ((alone, True), (one_cluster, False)):
        changes = {change.class_id: change for change in class_changes(rows, [a], [b], resamples=500, seed=1)}
        assert changes[1].beyond_noise is found


def test_equal_systems_rarely_have_a_class_beyond_noise() -> None:
    """In 5 of 100 comparisons at most, by Holm; 13 of 100 would be seen once in a thousand runs."""
    generator = np.random.default_rng(2)
    found = 0
    for _ in range(100):
        rows = make_rows(generator, 400)
        hard = np.where(generator.random(400) < 0.5, 0.9, 0.3)
        a, b = answers(generator, rows, hard), answers(generator, rows, hard)
        found += any(change.beyond_noise for change in class_changes(rows, [a], [b], resamples=100, seed=1))
    assert found <= 12


def test_seeds_are_averaged_whatever_their_order() -> None:
    generator = np.random.default_rng(3)
    rows = make_rows(generator)
    seeds = [answers(generator, rows, 0.5) for _ in range(3)]
    other = [answers(generator, rows, 0.8)]
    changes = class_changes(rows, seeds, other, resamples=100, seed=1)
    turned = class_changes(rows, seeds[::-1], other, resamples=100, seed=1)
    assert [change.class_id for change in turned] == [change.class_id for change in changes]
    assert [change.difference.p for change in turned] == pytest.approx([change.difference.p for change in changes])
    assert changes[0].difference.a.spread is not None
    reverse = class_changes(rows, other, seeds, resamples=100, seed=1)
    assert [change.difference.p for change in reverse[::-1]] == pytest.approx(
        [change.difference.p for change in changes]
    )
