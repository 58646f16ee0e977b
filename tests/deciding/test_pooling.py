"""Weights of log-linear pooling, compared with scipy's optimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from complaints.deciding.pooling import CHUNK, fit_weights, pool


def task(parts: int, rows: int = 400, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities [parts, rows, classes] of models of different strengths, and the true classes."""
    generator = np.random.default_rng(parts)
    true = generator.integers(0, classes, rows)
    strengths = np.linspace(0, 2, parts)[:, None, None] if parts > 1 else 1.0
    logits = generator.normal(scale=2, size=(parts, rows, classes)) + strengths * np.eye(classes)[true]
    return log_softmax(logits, axis=2), true


def loss(weights: np.ndarray, log_p: np.ndarray, true: np.ndarray) -> float:
    pooled = log_softmax(np.einsum("m,mrc->rc", weights, log_p), axis=1)
    return -float(pooled[np.arange(len(true)), true].mean())


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_weights_are_those_of_scipy(parts: int) -> None:
    log_p, true = task(parts)
    found = fit_weights(log_p, true)
    other = minimize(loss, np.ones(parts), (log_p, true), "L-BFGS-B", bounds=[(0, None)] * parts, tol=1e-14).x
    np.testing.assert_allclose(found, other, atol=1e-4)
    assert loss(found, log_p, true) <= loss(other, log_p, true) + 1e-9


def test_a_model_that_says_the_opposite_has_no_weight() -> None:
    log_p, true = task(2)
    opposite = log_softmax(-log_p[1], axis=1)
    assert fit_weights(np.stack([log_p[1], opposite]), true)[1] == 0


def test_the_temperature_of_sharpened_probabilities_is_found() -> None:
    """The true classes are drawn from p, so the weight of log p ** 3 is about a third of that of log p, 1."""
    generator = np.random.default_rng(0)
    log_p = log_softmax(generator.normal(size=(20_000, 4)), axis=1)
    true = (np.exp(log_p).cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    sharpened = log_softmax(3 * log_p, axis=1)
    assert fit_weights(sharpened[None], true)[0] == pytest.approx(1 / 3, abs=0.02)


def test_equal_models_have_equal_weights_and_separable_rows_finite_ones() -> None:
    log_p, true = task(2)
    first, second = fit_weights(log_p[[1, 1]], true)
    assert first == pytest.approx(second, abs=1e-6)
    right = log_softmax(5 * np.eye(6)[true], axis=1)
    assert 0 < fit_weights(right[None], true)[0] < 100


def test_chunks_change_nothing() -> None:
    log_p, true = task(2)
    times = CHUNK // len(true) + 2
    many = fit_weights(np.tile(log_p, (1, times, 1)), np.tile(true, times))
    np.testing.assert_allclose(many, fit_weights(log_p, true), atol=1e-9)


def test_pool_normalises() -> None:
    log_p, _ = task(2)
    np.testing.assert_allclose(np.exp(pool(np.array([0.3, 0.9]), log_p)).sum(axis=1), 1)
