"""Set-up of a training or inference: device, precision, distributed processes, backbone, initial weights, tokenizer."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from complaints.backbones.params import ComputeParams
from complaints.backbones.pretrained import initial_weights
from complaints.backbones.resolve import Backbone, resolve
from complaints.backbones.tokenizer import check_tokenizer, load_tokenizer
from complaints.core.files import file_digest
from complaints.core.section import Section
from complaints.engine.checkpoints import code_digest
from complaints.engine.device import describe_device, device_name, resolve_precision
from complaints.engine.distributed import make_accelerator
from complaints.engine.portable import compute_portably

ARITHMETIC = ("device", "instructions", "numerics", "precision", "processes", "threads", "versions")
"""Keys of `arithmetic`: with the inputs, the parameters and the code they decide the bits of a result."""


@dataclass(frozen=True)
class Setup:
    """The hardware and the pretrained model of a stage."""

    accelerator: Accelerator
    numerics: str
    """`portable` or `fast`."""
    precision: str
    """`fp32`, `bf16` or `fp16`: the parameter as resolved on this hardware."""
    backbone: Backbone
    initial: Backbone
    """The backbone with the folder and the digest of its initial weights."""
    tokenizer: Any


def open_device(numerics: str, precision: str) -> tuple[Accelerator, str]:
    """Return the link to the device that computes, and the parameter precision as resolved on it.

    Args:
        numerics: `portable` computes in fp32 on the processor, also on a machine with a GPU; `fast` takes this
            machine's best device.
        precision: The parameter.

    Raises:
        UserError: as `resolve_precision` and `compute_portably` do.
    """
    if numerics == "portable":
        compute_portably()
        return make_accelerator("cpu", "fp32"), "fp32"
    device = device_name()
    resolved = resolve_precision(precision, device)
    return make_accelerator(device, resolved), resolved


def set_up(params: ComputeParams, tokens: Path, weights: Path | None = None) -> Setup:
    """Return the set-up for a model's entry.

    Args:
        params: The keys of the entry that choose the backbone and how it is computed.
        tokens: Folder of the entry's tokens, made by the backbone's own tokenizer.
        weights: Folder of the initial weights, from a `pretrain` or `finetune` stage; None for the backbone's own.

    Raises:
        UserError: if the precision does not fit the hardware, the backbone cannot be found, the weights are not
            complete or belong to another backbone, or the tokens come from another tokenizer.
    """
    accelerator, precision = open_device(params.numerics, params.precision)
    backbone = resolve(params.backbone)
    initial = initial_weights(weights, backbone) if weights is not None else backbone
    tokenizer = load_tokenizer(backbone.folder)
    check_tokenizer(tokens / "meta.json", tokenizer)
    return Setup(accelerator, params.numerics, precision, backbone, initial, tokenizer)


def arithmetic(setup: Setup, packages: Iterable[str]) -> dict[str, Any]:
    """Return how a stage computes, as far as the bits of its result depend on it.

    Portable numerics have the same bits in each build of torch for x86-64, so that the build, the part of its version
    after `+`, is not named.

    Args:
        setup: The set-up of the stage.
        packages: Installed packages whose versions decide the result.
    """
    versions = {package: version(package) for package in packages}
    if setup.numerics == "portable":
        versions = {package: found.partition("+")[0] for package, found in versions.items()}
    device = setup.accelerator.device.type
    return {
        "device": describe_device(device),
        "instructions": torch.backends.cpu.get_cpu_capability() if device == "cpu" else None,
        "numerics": setup.numerics,
        "precision": setup.precision,
        "processes": setup.accelerator.num_processes,
        "threads": torch.get_num_threads(),
        "versions": versions,
    }


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
        "weights_sha256": setup.initial.digest,
        "data": {file.name: file_digest(file) for file in sorted(data)},
        **arithmetic(setup, packages),
        "code": code_digest(code),
    }
