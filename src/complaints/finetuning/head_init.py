"""Head initialisation of a linear classifier, and its head as a model of features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from complaints.backbones.tokens import encode_texts
from complaints.engine.inference import infer
from complaints.features.store import Features
from complaints.finetuning.linear_probe import init_from_probe
from complaints.finetuning.losses import Objective
from complaints.finetuning.params import HeadParams
from complaints.modeling.classifier import LinearClassifier

NAME_SCALE = 20.0
"""Logit of a text whose embedding equals that of a class name: the scale of sentence-transformers' training."""


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
    """The data of head initialisation."""

    features: Features
    """Features of the encoder with its initial weights."""
    labels: np.ndarray
    """Class ids of the training split, int64 [rows]."""
    rows: np.ndarray
    """Indices of the training rows in the split, int64."""
    tokenizer: Any
    names: list[str]
    """The class names, by id."""
    max_length: int


def init_from_names(model: LinearClassifier, sources: HeadSources, accelerator: Accelerator) -> None:
    """Set the head to the embeddings of the class names, so that logits are about NAME_SCALE x cosine similarity.

    Embeddings are normalised, then divided by their mean norm, an estimate of the norm of texts' embeddings. Classes
    without training complaints are initialised like all others. Biases are zero.
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
    """Set the initial weights of a head by the parameter head.start; a random head stays as it is.

    Of distributed processes rank 0 fits the linear probe, and the training loop sends its weights to the others.

    The biases of a linear probe contain the log prior of the training rows and are shifted to that of the objective;
    those from class names and of a random head contain none.

    Args:
        model: A classifier with a random head; a linear one unless `start` is `random`.
        params: Parameters of the head.
        sources: The data of the initialisation.
        accelerator: The link to device, precision and the other processes.
        objective: The training loss.
    """
    if params.start == "probe" and accelerator.is_main_process:
        features = sources.features.read("train", len(sources.labels))
        init_from_probe(model.head, features[sources.rows], sources.labels[sources.rows], params.probe_c)
        model.head.bias.data += objective.bias_shift
    elif params.start == "names":
        init_from_names(model, sources, accelerator)
