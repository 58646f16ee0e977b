"""AdamW with learning rates for the head and for each layer of the encoder."""

import torch
from torch import nn

from complaints.finetuning.layerwise_lr import depth_factors
from complaints.finetuning.params import ModelParams
from complaints.modeling.classifier import is_head


def make_optimizer(model: nn.Module, params: ModelParams) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) with a learning rate for the head and one for the encoder.

    Matrices decay; biases and norms (tensors of one dimension) do not. The encoder's rate may fall from layer to layer.
    """
    factors = depth_factors(model, params.layer_decay)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = params.head_learning_rate if is_head(name) else params.learning_rate * factors[name]
            groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "peak_lr": rate, "weight_decay": params.weight_decay if decays else 0.0}
            for (rate, decays), parameters in groups.items()
        ],
        fused=True,
    )
