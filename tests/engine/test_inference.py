"""Inference: outputs that are not finite numbers are refused."""

import numpy as np
import pytest
import torch

from complaints.core.errors import UserError
from complaints.engine.batches import FeatureSet
from complaints.engine.distributed import make_accelerator
from complaints.engine.inference import infer


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_outputs_that_are_not_finite_are_refused_with_their_row(value: float) -> None:
    features = np.zeros((100, 4), dtype=np.float32)
    features[70:, 2] = value

    def forward(features: torch.Tensor) -> torch.Tensor:
        return features + 0

    rows = FeatureSet(features, np.zeros(100, dtype=np.int64))
    message = r"predict: the model's outputs are not finite numbers for 30 of 100 rows, the first of them row 71"
    with pytest.raises(UserError, match=message):
        infer(make_accelerator("cpu", "fp32"), forward, rows, 0, "predict")
