"""Attention of a fine-tuned encoder on one text: the weights of its heads, and their rollout."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from complaints.attribution.gradients import Input
from complaints.backbones.pretrained import is_decoder
from complaints.core.errors import UserError
from complaints.modeling.classifier import Classifier, LinearClassifier

TOLERANCE = 1e-4
"""Largest difference of a sum of weights from 1, in float32."""


@contextmanager
def _eager(encoder: Any) -> Iterator[None]:
    """Make an encoder compute its attention so that it has weights to return: fused kernels never have them."""
    before = encoder.config._attn_implementation
    encoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        encoder.set_attn_implementation(before)


def read_attention(network: Classifier, given: Input) -> np.ndarray:
    """Return the attention weights of a text, float64 [layers, heads, tokens, tokens]; each row sums to 1.

    All is computed in float32.

    Args:
        network: The classifier, in evaluation mode.
        given: The tokens of the text.

    Raises:
        UserError: if the encoder returns no weights, or some that are none.
    """
    encoder = network.encoder
    ids = given.ids.to(next(network.parameters()).device)[None]
    with torch.no_grad(), _eager(encoder):
        layers = encoder(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True).attentions
    if not layers or layers[0] is None:
        raise UserError(f"encoders of type {encoder.config.model_type} return no attention weights")
    weights = torch.stack([layer[0] for layer in layers]).double().cpu().numpy()
    if not np.abs(weights.sum(-1) - 1).max() <= TOLERANCE:
        raise UserError("the attention weights of the model do not sum to 1; its weights may be damaged")
    return weights


def rollout(weights: np.ndarray) -> np.ndarray:
    """Return how much of each token's last state comes from each input token by attention, float64 [tokens, tokens].

    The product over layers of (A + I) / 2, with A the mean over heads and I for the residual connection (Abnar and
    Zuidema 2020, "Quantifying attention flow in transformers", section 3). Each row sums to 1.

    Args:
        weights: Attention weights, [layers, heads, tokens, tokens].
    """
    result = np.eye(weights.shape[-1])
    for layer in weights.mean(1):
        result = (layer + np.eye(len(layer))) / 2 @ result
    return result


def pooled(network: Classifier, values: np.ndarray) -> np.ndarray:
    """Return the mean of the rows that the head reads, float64 [tokens], from a value for each token, [tokens, tokens].

    Stock heads read the first token, of decoders the last one; ModernBERT's reads those that its configuration says.
    """
    pooling = network.pooling if isinstance(network, LinearClassifier) else _stock_pooling(network.encoder.config)
    return values.mean(0) if pooling == "mean" else values[-1 if pooling == "last" else 0]


def _stock_pooling(config: Any) -> str:
    return "last" if is_decoder(config.model_type) else getattr(config, "classifier_pooling", "cls")


@dataclass(frozen=True)
class Habits:
    """Shares of a layer's attention, means over heads and tokens."""

    special: float
    """On special tokens."""
    itself: float
    before: float
    """On the token before."""
    after: float
    """On the token after."""


def habits(weights: np.ndarray, special: np.ndarray) -> list[Habits]:
    """Return the shares of each layer, as in Clark et al. 2019, "What does BERT look at?", section 3.

    Args:
        weights: Attention weights, [layers, heads, tokens, tokens].
        special: Whether a token is special, bool [tokens].
    """
    tokens = weights.shape[-1]

    def diagonal(layer: np.ndarray, offset: int) -> float:
        return float(np.diagonal(layer, offset).sum() / tokens)

    return [
        Habits(float(layer[:, special].sum(1).mean()), diagonal(layer, 0), diagonal(layer, -1), diagonal(layer, 1))
        for layer in weights.mean(1)
    ]
