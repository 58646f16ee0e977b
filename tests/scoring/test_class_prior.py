"""The class prior: smoothed frequencies of the training labels."""

import numpy as np

from complaints.scoring.class_prior import log_prior


def test_prior_is_smoothed_so_that_every_class_has_a_positive_probability() -> None:
    np.testing.assert_allclose(np.exp(log_prior(np.array([0, 0, 1]), 3)), [3 / 6, 2 / 6, 1 / 6])
