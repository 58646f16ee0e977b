"""Linear probe: logistic regression on the features of a frozen encoder, for a linear head's initial weights."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from complaints.core.errors import UserError

SMALLEST_DEVIATION = 1e-4
"""Features with a smaller standard deviation get weight 0 (all-MiniLM-L6-v2 has a constant one): division by it would
amplify noise."""


def fit_probe(features: np.ndarray, labels: np.ndarray, classes: int, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a multinomial logistic regression, fitted on standardised features, for the raw features.

    As initial weights of a head it protects the pretrained encoder: a random head sends large gradients through it in
    the first steps (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features", LP-FT).

    Args:
        features: float32 [rows, width].
        labels: Class ids, int [rows]; classes without a row get the lowest bias.
        classes: Number of classes.
        c: Inverse strength of the L2 penalty.

    Returns:
        weight float32 [classes, width] and bias float32 [classes]: logits are features @ weight.T + bias.

    Raises:
        UserError: if a feature is not finite.
    """
    if not np.isfinite(features).all():
        raise UserError("the backbone's features are not finite; set precision: fp32 or take another backbone")
    mean = features.mean(0, dtype=np.float64)
    deviation = features.std(0, dtype=np.float64)
    scale = np.where(deviation > SMALLEST_DEVIATION, 1 / np.maximum(deviation, SMALLEST_DEVIATION), 0.0)
    regression = LogisticRegression(C=c, max_iter=500, tol=1e-3)
    regression.fit((features - mean) * scale, labels)
    present, weights, biases = regression.classes_, regression.coef_, regression.intercept_
    if len(present) == 2:  # scikit-learn fits the difference of two classes
        weights, biases = np.vstack([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    weight = np.zeros((classes, features.shape[1]))
    bias = np.full(classes, biases.min())
    weight[present] = weights * scale
    bias[present] = biases - weight[present] @ mean
    bias[np.setdiff1d(np.arange(classes), present)] = bias[present].min()
    return weight.astype(np.float32), bias.astype(np.float32)


def init_from_probe(head: nn.Linear, features: np.ndarray, labels: np.ndarray, c: float) -> None:
    """Set a linear layer to the linear probe of these features."""
    weight, bias = fit_probe(features, labels, head.out_features, c)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))
