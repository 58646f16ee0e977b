"""Trainable parameters of a classifier: all, those of its upper layers, low-rank adapters, the head."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.engine.checkpoints import trainable_parameters
from complaints.finetuning.params import FinetuneParams, LoraParams
from complaints.modeling.classifier import Classifier
from complaints.modeling.truncation import layers_of

ADAPTER_FOLDER = "adapter"


def freeze_layers(encoder: Any, count: int) -> None:
    """Freeze the embeddings and the `count` lowest layers.

    Raises:
        UserError: if the encoder has fewer layers, or its layers share their weights.
    """
    layers = layers_of(encoder)
    if layers is None or count > len(layers):
        found = "layers that share their weights" if layers is None else f"{len(layers)} layers"
        raise UserError(f"finetune.freeze_layers: {count} cannot be frozen, the encoder has {found}; lower it")
    embeddings = [module for name, module in encoder.named_children() if "embed" in name]
    for module in [*embeddings, *layers[:count]]:
        module.requires_grad_(False)


def _linear_layers(encoder: nn.Module) -> list[str]:
    """Return the names of an encoder's linear layers without the unused pooler."""
    return [
        name
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and name.split(".")[0] != "pooler"
    ]


def add_adapters(encoder: Any, params: LoraParams) -> Any:
    """Add low-rank adapters to `encoder`, in place, and freeze its other parameters (LoRA, Hu et al. 2022).

    The second matrix of an adapter is initially zero, so the outputs of the model do not change.

    Returns:
        The encoder as peft wraps it.

    Raises:
        UserError: if `targets` names a layer that is missing or cannot be adapted.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=params.rank,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=list(params.targets or _linear_layers(encoder)),
    )
    try:
        with warnings.catch_warnings():
            # peft asks transformers by a deprecated name.
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(encoder, config)
    except ValueError as error:
        raise UserError(f"finetune.lora.targets: {str(error).strip().splitlines()[0]}") from None


@dataclass(frozen=True)
class Adapter:
    """Adapters that were merged into an encoder, for use with its initial weights."""

    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    def save(self, folder: Path) -> None:
        """Write the adapters in the form of `peft.PeftModel.from_pretrained`."""
        folder.mkdir()
        write_json(folder / "adapter_config.json", self.config)
        save_file(self.tensors, folder / "adapter_model.safetensors")


def merge_adapters(adapted: Any, base: str) -> Adapter:
    """Merge the adapters into the encoder's own matrices, in place, and return them.

    Args:
        adapted: The result of `add_adapters`.
        base: Name of the initial weights.
    """
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    config = adapted.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": base, "inference_mode": True}
    config["target_modules"] = sorted(config["target_modules"])  # the order of a set differs between processes
    adapted.merge_and_unload()
    return Adapter(config, tensors)


def choose_trainable(model: Classifier, params: FinetuneParams) -> Any | None:
    """Freeze all parameters that finetune.train and finetune.freeze_layers do not select.

    Returns:
        The result of `add_adapters`, or None without adapters.
    """
    if params.train == "lora":
        return add_adapters(model.encoder, params.lora)
    if params.train == "full" and params.freeze_layers:
        freeze_layers(model.encoder, params.freeze_layers)
    elif params.train != "full":
        model.encoder.requires_grad_(False)
    return None


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Return the number of parameters of the model (`total`) and of its trainable ones (`trainable`)."""
    return {
        "total": sum(parameter.numel() for parameter in model.parameters()),
        "trainable": sum(parameter.numel() for parameter in trainable_parameters(model).values()),
    }
