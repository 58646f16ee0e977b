"""Logit adjustment follows its paper."""

import numpy as np

from complaints.scoring.logit_adjustment import adjust, choose_tau


def test_adjustment_with_tau_one_divides_by_the_prior() -> None:
    prior = np.log([0.5, 0.25, 0.25])
    posterior = np.array([[0.5, 0.3, 0.2]])
    np.testing.assert_allclose(np.exp(adjust(np.log(posterior), prior, 1.0)), [[1.0, 1.2, 0.8]])
    np.testing.assert_allclose(adjust(posterior, prior, 0.0), posterior)


def test_tau_is_the_best_of_the_grid_and_the_smallest_among_equals() -> None:
    prior = np.log([0.8, 0.2])
    # Row 1 is predicted correctly from tau = 0.4 / log(4) = 0.29 on, row 0 up to tau = 2.1 / log(4) = 1.5.
    logits = np.array([[2.1, 0.0], [0.4, 0.0]])
    true = np.array([0, 1])
    assert choose_tau(logits, true, prior, [2.0, 1.0, 0.5, 0.25, 0.0]) == 0.5
    assert choose_tau(logits, np.array([0, 0]), prior, [0.25, 0.0]) == 0.0
