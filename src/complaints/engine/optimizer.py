"""AdamW with a peak learning rate for each parameter."""

from collections.abc import Iterable

import torch
from torch import nn


def make_adamw(rates: Iterable[tuple[nn.Parameter, float]], weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) without weight decay on biases and norms (tensors of one dimension).

    Args:
        rates: Each trainable parameter with its peak learning rate, stored as `peak_lr` of its group.
        weight_decay: Weight decay of the matrices.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter, rate in rates:
        groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "peak_lr": rate, "weight_decay": weight_decay if decays else 0.0}
            for (rate, decays), parameters in groups.items()
        ],
        fused=True,
    )
