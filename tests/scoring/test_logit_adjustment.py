"""Logit adjustment follows its paper."""

import numpy as np

from complaints.scoring.logit_adjustment import adjust


def test_adjustment_with_tau_one_divides_by_the_prior() -> None:
    prior = np.log([0.5, 0.25, 0.25])
    posterior = np.array([[0.5, 0.3, 0.2]])
    np.testing.assert_allclose(np.exp(adjust(np.log(posterior), prior, 1.0)), [[1.0, 1.2, 0.8]])
    np.testing.assert_allclose(adjust(posterior, prior, 0.0), posterior)
