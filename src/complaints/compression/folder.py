"""Folder of a compressed model: ONNX file, tokenizer, class names and settings, checked as a whole; without torch."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from complaints.backbones.checkpoint import label_names
from complaints.backbones.model_files import (
    CONFIG_FILE,
    TOKENIZER_FILES,
    find_file,
    listing_digest,
    need_file,
    read_config,
    read_object,
)
from complaints.backbones.params import MaxLength, Truncation
from complaints.compression.processor import Processor
from complaints.core import config
from complaints.core.errors import UserError
from complaints.core.files import file_digest, write_json
from complaints.core.section import Section
from complaints.scoring.rungs import Format

SETTINGS_FILE = "compression.json"
"""Settings of a compressed model; its presence marks a folder as one."""
ONNX_FILE = "model.onnx"
RECORD_FILE = "training.json"
"""The parent's record of its training, copied."""
DIGEST_KEY = "files_sha256"


class Agreement(Section):
    """The labels of validation rows beside those that the parent's predictions have."""

    rows: int
    same_label: float
    """Share of the rows with the parent's label."""
    accuracy: float
    parent_accuracy: float


class CompressionSettings(Section):
    """The content of SETTINGS_FILE."""

    format: Format
    max_length: MaxLength
    truncation: Truncation
    parent_sha256: str
    """`files_sha256` of the checkpoint that it was made from."""
    onnx_bytes: int
    """Size of the ONNX file."""
    operators_before: dict[str, int]
    operators: dict[str, int]
    weights: dict[str, int]
    """Operators with weights, by kind, before quantisation."""
    quantized: dict[str, int]
    """Those of them that are quantised."""
    per_channel: bool | None
    """Whether each output channel has its own scale; None for other formats than int8."""
    reduce_range: bool | None
    """Whether weights have 7 bits, on processors without VNNI; None for other formats than int8."""
    processor: Processor
    versions: dict[str, str]
    agreement: Agreement
    files_sha256: str
    """The digest of the other settings and of the files beside them."""


def is_compressed(folder: Path) -> bool:
    """Return whether a folder has the settings of a compressed model.

    Raises:
        UserError: if something else than a regular file has that name.
    """
    return find_file(folder, SETTINGS_FILE) is not None


def _digest(folder: Path, settings: Mapping[str, Any]) -> str:
    """Return the sha256 of the files that prediction reads, and of the settings without their own digest."""
    own = json.dumps({key: settings[key] for key in sorted(settings) if key != DIGEST_KEY}, sort_keys=True)
    digests = {SETTINGS_FILE: hashlib.sha256(own.encode()).hexdigest()}
    optional = [name for name in TOKENIZER_FILES if find_file(folder, name) is not None]
    for name in (ONNX_FILE, CONFIG_FILE, *optional):
        digests[name] = file_digest(need_file(folder, name))
    return listing_digest(digests)


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings of a folder whose other files are complete.

    Args:
        folder: The folder.
        settings: All of CompressionSettings but `files_sha256`.
    """
    complete = {**settings, DIGEST_KEY: _digest(folder, settings)}
    write_json(folder / SETTINGS_FILE, CompressionSettings.model_validate(complete).model_dump())


def read_settings(folder: Path) -> CompressionSettings:
    """Return the settings of a compressed model whose files are those that it was saved with.

    Raises:
        UserError: if the settings lack a key or have an unknown one, or a file was changed or is missing.
    """
    path = folder / SETTINGS_FILE
    settings = config.check(CompressionSettings, read_object(path), path)
    if _digest(folder, settings.model_dump()) != settings.files_sha256:
        raise UserError(
            f"{folder} has other files than the ones it was saved with ({DIGEST_KEY} in {SETTINGS_FILE}); take a "
            "complete copy of the folder"
        )
    return settings


def read_labels(folder: Path) -> list[str]:
    """Return the class names, by id.

    Raises:
        UserError: if config.json is missing or has none.
    """
    return label_names(read_config(folder), folder / CONFIG_FILE)
