"""Smaller encoders: some layers of a pretrained one, in their order."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from complaints.core.errors import UserError

PER_LAYER = ("layer_types",)
"""Keys of a configuration with one value for each layer, such as the kind of attention of ModernBERT's."""


def layers_of(encoder: Any) -> nn.ModuleList | None:
    """Return an encoder's layers, lowest first, or None if they share their weights (ALBERT)."""
    found = _named_layers(encoder)
    return None if found is None else found[1]


def _named_layers(encoder: Any) -> tuple[str, nn.ModuleList] | None:
    for name, module in encoder.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == encoder.config.num_hidden_layers:
            return name, module
    return None


def keep_layers(encoder: Any, kept: Sequence[int] | None) -> None:
    """Remove all other layers of an encoder, in place, and correct its configuration.

    A student that begins with every other layer of its teacher learns more than one with random weights (Sanh et al.
    2019, "DistilBERT", section 2). The result is a model that transformers saves and loads as any other.

    Args:
        encoder: A base model of transformers, with its weights.
        kept: Indices of the layers to keep, ascending from 0; None for all.

    Raises:
        UserError: if the encoder has no such layer, or its layers share their weights.
    """
    if kept is None:
        return
    found, config = _named_layers(encoder), encoder.config
    if found is None or kept[-1] >= len(found[1]):
        has = "layers that share their weights" if found is None else f"{len(found[1])} layers, numbered from 0"
        raise UserError(
            f"keep_layers: {list(kept)} cannot be kept, the encoder has {has}; change it, or set it to null"
        )
    parent, _, attribute = found[0].rpartition(".")
    setattr(encoder.get_submodule(parent), attribute, nn.ModuleList(found[1][index] for index in kept))
    for key in PER_LAYER:
        if getattr(config, key, None) is not None:
            setattr(config, key, [getattr(config, key)[index] for index in kept])
    config.num_hidden_layers = len(kept)
