"""What is trained of a model: all of it, its upper layers, or low-rank adapters and the head."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.engine.checkpoints import trained_parameters
from complaints.finetuning.params import LoraParams, ModelParams
from complaints.modeling.classifier import Classifier

ADAPTER_FOLDER = "adapter"


def layers_of(encoder: Any) -> nn.ModuleList | None:
    """Return an encoder's layers from the lowest up; None where they share their weights (ALBERT)."""
    for module in encoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == encoder.config.num_hidden_layers:
            return module
    return None


def freeze_layers(encoder: Any, count: int) -> None:
    """Leave the embeddings and the `count` lowest layers untrained.

    Raises:
        UserError: if there are not so many, or layers share their weights.
    """
    layers = layers_of(encoder)
    if layers is None or count > len(layers):
        there = "layers that share their weights" if layers is None else f"{len(layers)} layers"
        raise UserError(f"freeze_layers: {count} cannot be frozen, the encoder has {there}")
    embeddings = [module for name, module in encoder.named_children() if "embed" in name]
    for module in [*embeddings, *layers[:count]]:
        module.requires_grad_(False)


def _linear_layers(encoder: nn.Module) -> list[str]:
    """Return the names of an encoder's linear layers but those of the pooler, which is not used."""
    return [
        name
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and name.split(".")[0] != "pooler"
    ]


def add_adapters(encoder: Any, params: LoraParams) -> Any:
    """Put low-rank adapters into `encoder`, in place, and leave all else in it untrained (LoRA, Hu et al. 2022).

    The second matrix of an adapter starts at zero, so that the model is unchanged at first.

    Returns:
        peft's view of the encoder.

    Raises:
        UserError: if `targets` names a layer that is not there or cannot be adapted.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=params.rank,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=list(params.targets or _linear_layers(encoder)),
    )
    try:
        return get_peft_model(encoder, config)
    except ValueError as error:
        raise UserError(f"lora.targets: {str(error).strip().splitlines()[0]}") from None


@dataclass(frozen=True)
class Adapter:
    """Adapters that were merged into an encoder, to be loaded over the weights that training began with."""

    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    def save(self, folder: Path) -> None:
        """Write them as `peft.PeftModel.from_pretrained` reads them."""
        folder.mkdir()
        write_json(folder / "adapter_config.json", self.config)
        save_file(self.tensors, folder / "adapter_model.safetensors")


def merge_adapters(adapted: Any, base: str) -> Adapter:
    """Add the adapters into the encoder's own matrices, in place, and return them.

    Args:
        adapted: What `add_adapters` returned.
        base: Name of the weights under the adapters.
    """
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    config = adapted.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": base, "inference_mode": True}
    config["target_modules"] = sorted(config["target_modules"])  # a set, whose order differs between processes
    adapted.merge_and_unload()
    return Adapter(config, tensors)


def choose_trained(model: Classifier, params: ModelParams) -> Any | None:
    """Make only those parameters trainable that `train` and `freeze_layers` say.

    Returns:
        What `add_adapters` returned, or None without adapters.
    """
    if params.train == "lora":
        return add_adapters(model.encoder, params.lora)
    if params.train == "full" and params.freeze_layers:
        freeze_layers(model.encoder, params.freeze_layers)
    elif params.train != "full":
        model.encoder.requires_grad_(False)
    return None


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Return how many numbers the model holds (`total`) and how many of them training changes (`trainable`)."""
    return {
        "total": sum(parameter.numel() for parameter in model.parameters()),
        "trainable": sum(parameter.numel() for parameter in trained_parameters(model).values()),
    }
