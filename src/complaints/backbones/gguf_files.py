"""Conversion of a GGUF file, of quantised weights and a tokenizer, to the files of an ordinary model in float32."""

import contextlib
import io
from pathlib import Path
from typing import Any

from complaints.backbones.model_files import (
    CONFIG_FILE,
    REFUSED_KEYS,
    read_object,
)
from complaints.backbones.packages import is_installed
from complaints.backbones.published import INSTALL_ARCHIVES
from complaints.backbones.reports import one_line_problems, without_reports
from complaints.core.errors import UserError
from complaints.core.files import write_json

VERSION_KEY = "transformers_version"
"""The key of a configuration that names its writer, and says nothing about the model."""


def _pre_tokenizer_name(source: Path) -> str:
    """Return the name that llama.cpp gives to the first division of a text into words, empty if there is none."""
    from gguf import GGUFReader

    field = GGUFReader(source).fields.get("tokenizer.ggml.pre")
    return str(field.contents()) if field is not None else ""


def _set_pre_tokenizer(tokenizer: Any, name: str) -> None:
    """Restore a division into words that transformers' conversion leaves out: SmolLM2 reads digits one by one.

    Raises:
        ValueError: if the division of this name is not known here.
    """
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    if name != "smollm":
        raise ValueError(f"its tokenizer divides texts as {name!r}, and only 'smollm' is known")
    words = ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence([Digits(individual_digits=True), words])


def dequantise(source: Path, folder: Path) -> None:
    """Write the model in a GGUF file as float32 safetensors, with its configuration and its tokenizer.

    A weight is the product of its integer and the scale of its block, plus the block's minimum: products and sums of
    single floats, which are the same on every processor. The configuration names no version.

    Args:
        source: The GGUF file.
        folder: The folder to write CONFIG_FILE, the weights and the tokenizer's files into.

    Raises:
        UserError: if the file cannot be read, or the package gguf is missing.
    """
    if not is_installed("gguf"):
        raise UserError(f"{source.name} is read with the package gguf; run `{INSTALL_ARCHIVES}`")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options: dict[str, Any] = {"gguf_file": source.name, "trust_remote_code": False}
    # The library's progress bars go past its own switch.
    with one_line_problems(f"the model in {source}"), without_reports(), contextlib.redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(source.parent, **options)
        _set_pre_tokenizer(tokenizer, _pre_tokenizer_name(source))
        tokenizer.chat_template = None
        tokenizer.save_pretrained(folder)
        # A model that was read from GGUF is not saved by the library, but its base model is.
        model: Any = AutoModelForCausalLM.from_pretrained(source.parent, dtype="float32", **options)
        model.base_model.save_pretrained(folder)
    unwanted = {*REFUSED_KEYS, VERSION_KEY}
    config = read_object(folder / CONFIG_FILE)
    write_json(folder / CONFIG_FILE, {key: value for key, value in config.items() if key not in unwanted})
