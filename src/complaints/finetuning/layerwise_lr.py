"""Layer-wise learning rates, lower towards the input."""

import re
from typing import Any

from torch import nn

from complaints.core.errors import UserError

LAYER_NUMBER = re.compile(r"\.(\d+)\.")


def layer_factors(model: nn.Module, decay: float) -> dict[str, float]:
    """Return the factor of each parameter's learning rate, by name.

    Layer-wise decay (Howard and Ruder 2018, "Universal Language Model Fine-tuning", section 3.2; used by ELECTRA and
    its successors): 1 for the top layer, `decay` times the factor of the layer above for each layer below, and `decay`
    times the factor of the lowest layer for the embeddings. The first number in a parameter's name is its layer;
    parameters without a number belong to the embeddings before the lowest layer, and to the top layer after it.

    Raises:
        UserError: if the layers are not numbered from 0 to the last, as in ALBERT, whose layers share their weights.
    """
    names = [name for name, _ in model.named_parameters()]
    if decay == 1.0:
        return dict.fromkeys(names, 1.0)
    config: Any = next(module.config for module in model.modules() if hasattr(module, "config"))
    layers: int = config.num_hidden_layers
    numbers = [int(found[1]) if (found := LAYER_NUMBER.search(name)) else None for name in names]
    if {number for number in numbers if number is not None} != set(range(layers)):
        raise UserError(
            f"finetune.optimizer.layer_decay {decay:g} needs a backbone whose {layers} layers have separate weights; "
            "set it to 1.0"
        )
    factors = {}
    height = 0
    for name, number in zip(names, numbers, strict=True):
        if number is not None:
            height = number + 1
        elif height:
            height = layers
        factors[name] = decay ** (layers - height)
    return factors
