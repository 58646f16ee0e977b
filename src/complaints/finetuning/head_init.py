"""A linear head: where it starts, and how it stands alone while the encoder stays as it is."""

from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from complaints.backbones import tokens
from complaints.backbones.tokenizer import encode
from complaints.engine.inference import infer
from complaints.features.embed import Features
from complaints.finetuning.linear_probe import start_from_probe
from complaints.finetuning.losses import Objective
from complaints.finetuning.params import ModelParams
from complaints.modeling.classifier import LinearClassifier

NAME_SCALE = 20.0
"""Logit of a text that lies exactly where a class's name does: the scale that sentence-transformers trains with."""


class HeadAlone(nn.Module):
    """The head of a linear classifier, trained on features in place of tokens."""

    def __init__(self, model: Any) -> None:
        """Share the head of `model`, a linear classifier."""
        super().__init__()
        self.head = model.head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits [rows, classes] of features [rows, width]."""
        return self.head(features)


def start_from_names(
    model: LinearClassifier, accelerator: Accelerator, tokenizer: Any, names: list[str], max_length: int
) -> None:
    """Set the head to the embeddings of the class names, so that a text's logits are about NAME_SCALE x their cosine.

    Rows are normalised, then divided by the names' mean length, which stands for the length of texts' embeddings; a
    class without a training complaint thereby starts as well as any other. Biases are zero.
    """
    ids = encode(tokenizer, names, max_length)["input_ids"]
    rows = tokens.TokenSet(
        row_ids=names,
        ids=np.concatenate([np.asarray(row, dtype=np.int64) for row in ids]),
        offsets=np.cumsum([0] + [len(row) for row in ids]),
        labels=np.zeros(len(names), dtype=np.int64),
    )
    model.eval()
    features = infer(accelerator, model.features, rows, tokenizer.pad_token_id, "class names")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    weight = NAME_SCALE * features / lengths / lengths.mean()
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(weight))
        model.head.bias.zero_()


def start_head(
    model: Any,
    params: ModelParams,
    features: Features,
    labels: np.ndarray,
    accelerator: Accelerator,
    tokenizer: Any,
    names: list[str],
    objective: Objective,
) -> None:
    """Give a head the start that `head_start` names; a random one it has already.

    Of several processes the first one fits the probe, and the others take their weights from it.

    A probe holds the prior of the training rows, which the objective may put another in place of. The names hold none,
    and no more does a random head.

    Args:
        model: A linear classifier, or any with a random start.
        params: The model's entry in params.yaml.
        features: Of the encoder as it is now.
        labels: Class ids of the training rows, int64 [rows].
        accelerator: Decides device and precision.
        tokenizer: The encoder's.
        names: The class names, by id.
        objective: What the head will be trained for.
    """
    if params.head_start == "probe" and accelerator.is_main_process:
        start_from_probe(model.head, features.read("train", len(labels)), labels, params.probe_c)
        model.head.bias.data += objective.start_shift
    elif params.head_start == "names":
        start_from_names(model, accelerator, tokenizer, names, params.max_length)
