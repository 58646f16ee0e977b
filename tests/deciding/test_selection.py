"""Ensemble selection against a search over all shares."""

import itertools

import numpy as np
import pytest
from scipy.special import log_softmax
from support.rules import settings

from complaints.deciding.objectives import curve
from complaints.deciding.pooling import pool
from complaints.deciding.selection import STEPS, select_shares

CLASSES = 5
PRIOR = np.log([0.5, 0.25, 0.15, 0.06, 0.04])


def task(strengths: list[float], rows: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities [parts, rows, classes] of models of different strengths, and the true classes."""
    generator = np.random.default_rng(3)
    true = generator.choice(CLASSES, rows, p=np.exp(PRIOR))
    noise = generator.normal(scale=1.5, size=(len(strengths), rows, CLASSES))
    return log_softmax(PRIOR + noise + np.array(strengths)[:, None, None] * np.eye(CLASSES)[true], axis=2), true


def best(shares: np.ndarray, log_p: np.ndarray, true: np.ndarray) -> float:
    return max(point.macro_f1 for point in curve(pool(shares, log_p), true, PRIOR, settings().tau_grid))


@pytest.mark.parametrize("strengths", [[2.0, 2.0], [1.0, 2.0], [2.0, 1.5, 1.0]])
def test_shares_are_about_as_good_as_the_best_of_all(strengths: list[float]) -> None:
    log_p, true = task(strengths)
    every = [
        np.array(counts) / STEPS
        for counts in itertools.product(range(STEPS + 1), repeat=len(strengths))
        if sum(counts) == STEPS
    ]
    shares = select_shares(log_p, true, PRIOR, settings())
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares * STEPS, np.round(shares * STEPS))
    values = sorted(best(candidate, log_p, true) for candidate in every)
    assert best(shares, log_p, true) >= values[int(0.8 * len(values))]
    assert best(shares, log_p, true) > max(best(np.eye(len(strengths))[i], log_p, true) for i in range(len(strengths)))


def test_a_model_that_knows_nothing_has_little_or_no_share() -> None:
    log_p, true = task([3.0, 0.0])
    assert select_shares(log_p, true, PRIOR, settings(objective="accuracy"))[1] <= 0.2


def test_the_objective_decides() -> None:
    """The first model finds rare classes, the second is right more often."""
    _, true = task([1.0])
    generator = np.random.default_rng(7)
    rare = np.where((true >= 2)[:, None], 4.0, 0.0) * np.eye(CLASSES)[true]
    frequent = np.where((true < 2)[:, None], 4.0, 0.0) * np.eye(CLASSES)[true]
    noise = generator.normal(size=(2, len(true), CLASSES)) + PRIOR
    log_p = log_softmax(np.stack([rare, frequent]) + noise, axis=2)
    by_f1 = select_shares(log_p, true, PRIOR, settings(objective="macro_f1", tau_grid=(0.0,)))
    by_accuracy = select_shares(log_p, true, PRIOR, settings(objective="accuracy", tau_grid=(0.0,)))
    assert by_f1[0] > by_accuracy[0]


def test_one_model_has_all() -> None:
    log_p, true = task([1.0])
    assert select_shares(log_p, true, PRIOR, settings()).tolist() == [1.0]
