"""Power laws of learning curves."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from complaints.scoring.power_law import fit_power_law

ROWS = np.array([1000, 2000, 5000, 10000])


def law(rows: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return np.asarray(a + b * np.asarray(rows, float) ** -c)


@pytest.mark.parametrize(("a", "b", "c"), [(0.3, 9.0, 0.4), (0.0, 2.0, 0.17), (0.5, 300.0, 1.0), (0.4, 0.0, 0.3)])
def test_a_law_without_noise_is_found(a: float, b: float, c: float) -> None:
    fit = fit_power_law(ROWS, law(ROWS, a, b, c))
    np.testing.assert_allclose(fit.error(40_000), law(np.array([40_000]), a, b, c), atol=1e-6)
    if b:
        np.testing.assert_allclose([fit.a[0], fit.b[0], fit.c[0]], [a, b, c], rtol=1e-6, atol=1e-9)


def test_the_fit_is_that_of_nonlinear_least_squares() -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        errors = law(ROWS, 0.4, 6.0, 0.45) + random.normal(0, 0.002, 4)
        bounds = ([0, 0, 0.01], [1, np.inf, 2])
        theirs, _ = curve_fit(law, ROWS, errors, p0=[0.4, 6, 0.45], bounds=bounds, xtol=1e-12, ftol=1e-12)
        ours = fit_power_law(ROWS, errors)
        np.testing.assert_allclose(ours.error(40_000)[0], law(np.array([40_000]), *theirs)[0], atol=5e-4)
        residuals = [np.sum((law(ROWS, *p) - errors) ** 2) for p in (theirs, (ours.a[0], ours.b[0], ours.c[0]))]
        assert residuals[1] <= residuals[0] + 1e-7


def test_intervals_of_resamples_contain_the_truth_at_about_their_rate() -> None:
    """Errors as those of a test set of 3,600 rows, one set of rows for all points of a curve."""
    truth, inside, curves = law(ROWS, 0.4, 6.0, 0.45), 0, 200
    random = np.random.default_rng(1)
    for _ in range(curves):
        shared = random.normal(0, 0.008)
        seen = truth + shared + random.normal(0, 0.003, 4)
        resamples = seen + random.normal(0, 0.008, (200, 1)) + random.normal(0, 0.003, (200, 4))
        low, high = np.percentile(fit_power_law(ROWS, resamples).error(20_000), [2.5, 97.5])
        inside += low <= law(np.array([20_000]), 0.4, 6.0, 0.45)[0] <= high
    assert 0.90 <= inside / curves <= 0.99


def test_a_rising_error_has_no_slope() -> None:
    fit = fit_power_law(ROWS, np.array([0.3, 0.31, 0.33, 0.34]))
    assert fit.b[0] == 0
    assert fit.a[0] == pytest.approx(0.32)


def test_a_curve_that_bends_downwards_has_no_error_below_zero() -> None:
    """Without the bound, the best line in n^-c for the smallest c has an intercept of less than -5."""
    fit = fit_power_law(ROWS, np.array([0.5, 0.45, 0.3, 0.05]))
    assert fit.a[0] == 0
    assert 0 < fit.error(1e6)[0] < 0.05


def test_every_resample_has_the_fit_that_it_has_alone() -> None:
    errors = law(ROWS, 0.4, 6.0, 0.45) + np.random.default_rng(2).normal(0, 0.01, (50, 4))
    together = fit_power_law(ROWS, errors)
    alone = [fit_power_law(ROWS, row).error(1e5)[0] for row in errors]
    assert np.array_equal(together.error(1e5), np.array(alone))


def test_two_points_are_refused() -> None:
    with pytest.raises(ValueError, match="2 points"):
        fit_power_law(np.array([10, 20, 20]), np.zeros(3))
