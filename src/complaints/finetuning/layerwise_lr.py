"""How deep in a network a parameter lies, for learning rates that fall towards the input."""

import re
from typing import Any

from torch import nn

from complaints.core.errors import UserError

LAYER_NUMBER = re.compile(r"\.(\d+)\.")


def depth_factors(model: nn.Module, decay: float) -> dict[str, float]:
    """Return the share of the learning rate that each parameter of `model` gets, by name.

    Layer-wise decay (Howard and Ruder 2018, "Universal Language Model Fine-tuning", section 3.2; ELECTRA and its
    successors use it): the top layer gets the whole rate, each layer below `decay` times that of the one above it, and
    the embeddings `decay` times that of the first layer. A layer's number is the first number in a parameter's name;
    parameters without one are embeddings if they stand before the first layer, and belong to the top if after.

    Raises:
        UserError: if the layers are not numbered from 0 to the last, as where they share their weights (ALBERT).
    """
    names = [name for name, _ in model.named_parameters()]
    if decay == 1.0:
        return dict.fromkeys(names, 1.0)
    config: Any = next(module.config for module in model.modules() if hasattr(module, "config"))
    layers: int = config.num_hidden_layers
    numbers = [int(found[1]) if (found := LAYER_NUMBER.search(name)) else None for name in names]
    if {number for number in numbers if number is not None} != set(range(layers)):
        raise UserError(
            f"params: layer_decay {decay:g} needs a backbone whose {layers} layers have weights of their own; "
            "set layer_decay: 1.0"
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
