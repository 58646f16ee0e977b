"""Initial weights of a linear head, and the head alone as a model of features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from complaints.backbones.tokens import encode_texts
from complaints.engine.inference import infer
from complaints.features.embed import Features
from complaints.finetuning.linear_probe import init_from_probe
from complaints.finetuning.losses import Objective
from complaints.finetuning.params import HeadParams
from complaints.modeling.classifier import LinearClassifier

NAME_SCALE = 20.0
"""Logit of a text whose embedding equals that of a class name: the scale that sentence-transformers trains with."""


class HeadOnly(nn.Module):
    """The head of a linear classifier, trained on features instead of tokens."""

    def __init__(self, model: Any) -> None:
        """Share the head of `model`, a linear classifier."""
        super().__init__()
        self.head = model.head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits [rows, classes] of features [rows, width]."""
        return self.head(features)


@dataclass(frozen=True)
class HeadSources:
    """The data that a head may be initialised from."""

    features: Features
    """Features of the encoder with its initial weights."""
    labels: np.ndarray
    """Class ids of the training rows, int64 [rows]."""
    tokenizer: Any
    names: list[str]
    """The class names, by id."""
    max_length: int


def init_from_names(model: LinearClassifier, sources: HeadSources, accelerator: Accelerator) -> None:
    """Set the head to the embeddings of the class names, so that logits are about NAME_SCALE x cosine similarity.

    Rows are normalised, then divided by the names' mean norm, an estimate of the norm of texts' embeddings; a class
    without a training complaint thereby starts as well as any other. Biases are zero.
    """
    rows = encode_texts(sources.tokenizer, sources.names, sources.max_length)
    model.eval()
    features = infer(accelerator, model.features, rows, sources.tokenizer.pad_token_id, "class names")
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    weight = NAME_SCALE * features / norms / norms.mean()
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(weight))
        model.head.bias.zero_()


def initialise_head(
    model: Any, params: HeadParams, sources: HeadSources, accelerator: Accelerator, objective: Objective
) -> None:
    """Give a head the initial weights that `start` names; random ones it has already.

    Of several processes the first one fits the linear probe, and the others take their weights from it.

    A probe's biases hold the prior of the training rows, which the objective may replace. Those of the names and of a
    random head hold none.

    Args:
        model: A linear classifier, or any with random weights.
        params: The head's parameters.
        sources: The data to initialise from.
        accelerator: The link to device, precision and the other processes.
        objective: The training loss.
    """
    if params.start == "probe" and accelerator.is_main_process:
        features = sources.features.read("train", len(sources.labels))
        init_from_probe(model.head, features, sources.labels, params.probe_c)
        model.head.bias.data += objective.bias_shift
    elif params.start == "names":
        init_from_names(model, sources, accelerator)
