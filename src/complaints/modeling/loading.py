"""Loading of pretrained models: complete, finite, in float32, and from the files of backbones.model_files alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from complaints.backbones.model_files import ModelFiles, TensorHeader, read_model_files
from complaints.backbones.pretrained import is_decoder
from complaints.backbones.reports import one_line_problems, without_reports
from complaints.core.errors import UserError

NO_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")
"""Keys of a configuration that are set to zero. With dropout on attention weights torch cannot use its fused attention:
at 168 tokens a training step of MiniLM takes 1.6 times as long on a processor, and twice the memory. Newer encoders
(ModernBERT) are trained without it."""

FLOATS = frozenset({"F16", "BF16", "F32", "F64"})
"""The dtypes of weights; tensors of other dtypes are position ids and the like, or not weights that can be trained."""

MAX_LAYERS = 1_000
SPARE_TENSORS = 64
SPARE_ELEMENTS = 2**24
"""Allowance for a new head and pooler, which the file does not have."""


@contextmanager
def _limited_size(files: ModelFiles) -> Iterator[None]:
    """Refuse to build a model that is much larger than its tensors: a wrong configuration costs no time or memory.

    Raises:
        UserError: as soon as a module has too many parameters.
    """
    tensors = 4 * len(files.tensors) + SPARE_TENSORS  # one tensor of a file may be several of the model
    elements = 2 * sum(_elements(header) for header in files.tensors.values()) + SPARE_ELEMENTS

    def count(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, elements
        tensors -= 1
        elements -= 0 if parameter is None else parameter.numel()
        if tensors < 0 or elements < 0:
            raise UserError(
                f"the model in {files.folder} is much larger by its config.json than its tensors are; "
                "take a complete copy of the folder"
            )

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _elements(header: TensorHeader) -> int:
    count = 1
    for size in header.shape:
        count *= size
    return count


def _make_config(files: ModelFiles, changes: dict[str, Any]) -> Any:
    """Return transformers' configuration of a model.

    Raises:
        UserError: if the installed version of transformers has no such model, or it has too many layers.
    """
    from transformers import CONFIG_MAPPING

    model_type = files.config["model_type"]
    if model_type not in CONFIG_MAPPING:
        raise UserError(
            f"the model in {files.folder} is of the type {model_type!r}, which transformers does not have; "
            "take another backbone"
        )
    config = CONFIG_MAPPING[model_type].from_dict(files.config, **changes)
    layers = getattr(config, "num_hidden_layers", 1)
    if not isinstance(layers, int) or not 1 <= layers <= MAX_LAYERS:
        raise UserError(
            f"the model in {files.folder} has {layers} layers by its config.json; take a complete copy of the folder"
        )
    for name in NO_ATTENTION_DROPOUT:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    if is_decoder(config.model_type):
        config.use_cache = False  # keys and values are kept for generating text only
    return config


def _read_tensors(files: ModelFiles) -> dict[str, torch.Tensor]:
    """Return the weights of a model, as maps of their files; a tensor that is stored as integers is not a weight."""
    tensors: dict[str, torch.Tensor] = {}
    for name in files.weights:
        tensors |= load_file(files.folder / name)
    return {name: tensor for name, tensor in tensors.items() if files.tensors[name].dtype in FLOATS}


def _may_be_new(model: Any, name: str) -> bool:
    """Return whether a parameter is one of a head, beside the base model, or of a pooler."""
    beside = model.base_model is not model and not name.startswith(f"{model.base_model_prefix}.")
    return beside or "pooler" in name.split(".")


def _is_of_a_lost_layer(model: Any, name: str) -> bool:
    """Return whether a tensor of the file belongs to a layer of the base model that its configuration leaves out."""
    module: Any = model.base_model
    for step in name.removeprefix(f"{model.base_model_prefix}.").split("."):
        if isinstance(module, nn.ModuleList) and step.isdigit():
            if int(step) >= len(module):
                return True
            module = module[int(step)]
        else:
            module = getattr(module, step, None)
    return False


def _check_complete(folder: Path, model: Any, info: dict[str, Any], exact: bool) -> list[str]:
    """Check that a model has all of its parameters from its file, and return the names of those that are new.

    Raises:
        UserError: if a parameter is missing or has another shape that may not be new, or a tensor has no parameter.
    """
    new = {name: "is missing" for name in info["missing_keys"]}
    for name, found, own in info["mismatched_keys"]:
        new[name] = f"has the shape {list(found)} in place of {list(own)}"
    problems = {name: problem for name, problem in new.items() if exact or not _may_be_new(model, name)}
    for name in info["unexpected_keys"]:
        if exact or _is_of_a_lost_layer(model, name):
            problems[name] = "has no place in the model of config.json"
    if problems:
        name = min(problems)
        others = f", and {len(problems) - 1} others do not fit either" if len(problems) > 1 else ""
        raise UserError(
            f"the model in {folder} is not complete: the tensor {name} {problems[name]}{others}; "
            "take a complete copy of the folder"
        )
    return sorted(new)


def check_finite(folder: Path, model: nn.Module) -> None:
    """Check that no weight is NaN or infinite.

    Raises:
        UserError: with the name of the first such tensor.
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        # A sum takes a twentieth of the time of `isfinite`; it is finite unless a term is not, or the terms are huge.
        if not torch.isfinite(tensor.sum()) and not torch.isfinite(tensor).all():
            raise UserError(
                f"the model in {folder} has values in the tensor {name} that are not finite numbers; "
                "take another copy of the folder"
            )


def try_model(folder: Path, forward: Any, input_ids: list[int]) -> None:
    """Check that a model computes finite outputs for one row of tokens.

    Args:
        folder: The model's folder, named in errors.
        forward: The model, or a function of `input_ids` and `attention_mask` that returns its outputs.
        input_ids: The tokens.

    Raises:
        UserError: if it fails, or its outputs are not finite.
    """
    ids = torch.tensor([input_ids])
    # Not inference mode: a tensor that a model keeps from it could not be trained with.
    with one_line_problems(f"the model in {folder}"), torch.no_grad():
        outputs = forward(input_ids=ids, attention_mask=torch.ones_like(ids))
        first = outputs if isinstance(outputs, torch.Tensor) else outputs[0]
        if not torch.isfinite(first).all():
            raise UserError(
                f"the model in {folder} computes values that are not finite; take another copy of the folder"
            )


def load_pretrained(
    folder: Path, auto_class: Any, changes: dict[str, Any] | None = None, exact: bool = False
) -> tuple[Any, list[str]]:
    """Return the model in `folder`, in float32 and in evaluation mode, and the names of its new, random parameters.

    Nothing but the files of `read_model_files` is read, and their headers are compared with the configuration before
    memory is taken.

    Args:
        folder: Folder with config.json, tokenizer.json and safetensors.
        auto_class: One of transformers' Auto classes.
        changes: Keys of the configuration to change.
        exact: Whether the tensors of the file must be those of the model; else head and pooler may be new, and tensors
            of other heads are left out.

    Raises:
        UserError: if the files are not a complete model of finite weights that computes finite outputs.
    """
    files = read_model_files(folder)
    with one_line_problems(f"the model in {folder}"), without_reports():
        config = _make_config(files, changes or {})
        with _limited_size(files), torch.device("meta"):
            skeleton = auto_class.from_config(config)
        model, info = type(skeleton).from_pretrained(
            None,
            config=skeleton.config,
            state_dict=_read_tensors(files),
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
        new = _check_complete(folder, model, info, exact)
    check_finite(folder, model)
    try_model(folder, model, [0, 0])
    return model, new
