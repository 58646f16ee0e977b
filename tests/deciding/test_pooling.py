"""Log-linear pooling, and its scale compared with scipy's optimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from complaints.deciding.pooling import CHUNK, SCALES, fit_scale, pool


def task(strength: float = 1.0, rows: int = 400, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities [rows, classes] of a model, and the true classes."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, classes, rows)
    return log_softmax(generator.normal(scale=2, size=(rows, classes)) + strength * np.eye(classes)[true], axis=1), true


def loss(scale: float, log_p: np.ndarray, true: np.ndarray) -> float:
    return -float(log_softmax(scale * log_p, axis=1)[np.arange(len(true)), true].mean())


@pytest.mark.parametrize("strength", [0.5, 1.0, 4.0, 9.0])
@pytest.mark.parametrize("unit", [0.1, 1.0, 4.0])
def test_the_scale_is_that_of_scipy(strength: float, unit: float) -> None:
    log_p, true = task(strength)
    found = fit_scale(unit * log_p, true)
    other = minimize_scalar(loss, bounds=SCALES, args=(unit * log_p, true), method="bounded", options={"xatol": 1e-9})
    assert found == pytest.approx(other.x, abs=1e-4)


def test_the_temperature_of_sharpened_probabilities_is_found() -> None:
    """The true classes are drawn from p, so the scale of log p ** 3 is about a third of that of log p, 1."""
    generator = np.random.default_rng(0)
    log_p = log_softmax(generator.normal(size=(20_000, 4)), axis=1)
    true = (np.exp(log_p).cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    assert fit_scale(log_softmax(3 * log_p, axis=1), true) == pytest.approx(1 / 3, abs=0.02)


def test_a_model_that_is_always_right_or_says_the_opposite_has_a_scale_at_its_bound() -> None:
    _, true = task()
    right = log_softmax(5 * np.eye(6)[true], axis=1)
    assert fit_scale(right, true) == SCALES[1]
    assert fit_scale(log_softmax(-right, axis=1), true) == SCALES[0]


def test_chunks_and_shifts_change_nothing() -> None:
    log_p, true = task()
    times = CHUNK // len(true) + 2
    many = fit_scale(np.tile(log_p, (times, 1)) + 3, np.tile(true, times))
    assert many == pytest.approx(fit_scale(log_p, true), abs=1e-9)


def test_pool_is_the_normalised_geometric_mean() -> None:
    first, second = np.exp(task()[0]), np.exp(task(3.0)[0])
    pooled = np.exp(pool(np.array([0.3, 0.9]), np.log([first, second])))
    expected = first**0.3 * second**0.9
    np.testing.assert_allclose(pooled, expected / expected.sum(axis=1, keepdims=True))
