"""Set-up of a training or inference: device, precision, distributed processes, backbone, initial weights, tokenizer."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from complaints.backbones.pretrained import initial_weights
from complaints.backbones.resolve import Backbone, folder_digest, resolve
from complaints.backbones.tokenizer import check_tokenizer, load_tokenizer
from complaints.core.config import Section
from complaints.core.files import file_digest
from complaints.engine.checkpoints import code_digest
from complaints.engine.device import describe_device, device_name, resolve_precision
from complaints.engine.distributed import make_accelerator


@dataclass(frozen=True)
class Setup:
    """The hardware and the pretrained model of a stage."""

    accelerator: Accelerator
    precision: str
    """`fp32`, `bf16` or `fp16`: the parameter as resolved on this hardware."""
    backbone: Backbone
    initial: Backbone
    """The backbone with the folder of its initial weights."""
    tokenizer: Any


def open_device(precision: str) -> tuple[Accelerator, str]:
    """Return the link to this machine's device, and the parameter precision as resolved on it.

    Raises:
        UserError: as `resolve_precision` does.
    """
    device = device_name()
    resolved = resolve_precision(precision, device)
    return make_accelerator(device, resolved), resolved


def set_up(spec: str, precision: str, tokens: Path, weights: Path | None = None) -> Setup:
    """Return the set-up for a model's entry.

    Args:
        spec: The `backbone` parameter.
        precision: The `precision` parameter.
        tokens: Folder of the entry's tokens, made by the backbone's own tokenizer.
        weights: Folder of the initial weights, from a `pretrain` or `finetune` stage; None for the backbone's own.

    Raises:
        UserError: if the precision does not fit the hardware, the backbone cannot be found, the weights belong to
            another backbone, or the tokens come from another tokenizer.
    """
    accelerator, resolved = open_device(precision)
    backbone = resolve(spec)
    initial = initial_weights(weights, backbone) if weights is not None else backbone
    tokenizer = load_tokenizer(backbone.folder)
    check_tokenizer(tokens / "meta.json", tokenizer)
    return Setup(accelerator, resolved, backbone, initial, tokenizer)


def run_config(
    setup: Setup, params: Section, data: Iterable[Path], packages: Iterable[str], code: Iterable[str]
) -> dict[str, Any]:
    """Return the run config: everything that decides the result. Checkpoints of another config are never resumed.

    Args:
        setup: The set-up of the run.
        params: Parameters of its stage.
        data: Files that it reads.
        packages: Installed packages whose versions decide the result.
        code: Packages of `complaints` whose code decides the result.
    """
    return {
        "params": params.model_dump(mode="json"),
        "backbone_sha256": setup.backbone.digest,
        "weights_sha256": folder_digest(setup.initial.folder),
        "data": {file.name: file_digest(file) for file in sorted(data)},
        "device": describe_device(device_name()),
        "precision": setup.precision,
        "processes": setup.accelerator.num_processes,
        "threads": torch.get_num_threads(),
        "versions": {package: version(package) for package in packages},
        "code": code_digest(code),
    }
