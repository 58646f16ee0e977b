"""The linear probe is a logistic regression on standardised features."""

import numpy as np
import pytest

from complaints.core.errors import UserError
from complaints.finetuning import linear_probe


class TestProbe:
    def test_matches_a_regression_on_standardised_features(self) -> None:
        random = np.random.default_rng(0)
        labels = random.integers(0, 4, 300)
        features = (np.eye(4)[labels] @ random.normal(size=(4, 8)) * 3 + random.normal(size=(300, 8)) + 5).astype("f4")
        features[:, 3] = 0.7  # a constant dimension
        weight, bias = linear_probe.fit_probe(features, labels, 4, 1.0)
        assert np.isfinite(weight).all()
        assert (weight[:, 3] == 0).all()
        assert ((features @ weight.T + bias).argmax(1) == labels).mean() > 0.9

    def test_class_without_a_row_is_never_predicted(self) -> None:
        features = np.random.default_rng(0).normal(size=(60, 4)).astype("f4")
        labels = np.where(features[:, 0] > 0, 0, 2)
        weight, bias = linear_probe.fit_probe(features, labels, 4, 1.0)
        predicted = (features @ weight.T + bias).argmax(1)
        assert set(predicted) == {0, 2}
        assert (predicted == labels).mean() > 0.9


def test_probe_of_features_that_are_not_finite_is_refused() -> None:
    features = np.ones((4, 2), dtype="f4")
    features[1, 1] = np.inf
    with pytest.raises(UserError, match="not finite"):
        linear_probe.fit_probe(features, np.array([0, 1, 0, 1]), 2, 1.0)
