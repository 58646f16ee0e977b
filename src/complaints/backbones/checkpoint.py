"""Settings of a fine-tuned checkpoint, without its weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from complaints.backbones.model_files import (
    ModelFiles,
    find_file,
    listing_digest,
    need_file,
    read_model_files,
    read_object,
)
from complaints.backbones.params import MaxLength, Truncation
from complaints.core import config
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.section import Section

CLASSIFIER_FILE = "classifier.json"
"""Settings of a fine-tuned checkpoint; its presence marks a folder as one."""
DIGEST_KEY = "files_sha256"

HEAD_FILE = "head.safetensors"
"""The linear layer of a checkpoint with a linear head."""


class CheckpointSettings(Section):
    """The content of CLASSIFIER_FILE."""

    head: Literal["linear", "stock"]
    pooling: Literal["mean", "cls", "last"]
    max_length: MaxLength
    truncation: Truncation = "start"
    """The part of a longer text that is kept; checkpoints of earlier versions kept the start, and do not say so."""
    precision: Literal["fp32", "bf16", "fp16"]
    """The precision in which the checkpoint was scored."""
    files_sha256: str
    """The `checkpoint_digest` of the files beside it and of these settings."""


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder has the settings of a fine-tuned checkpoint.

    Raises:
        UserError: if something else than a regular file has that name.
    """
    return find_file(folder, CLASSIFIER_FILE) is not None


def checkpoint_digest(files: ModelFiles, settings: Mapping[str, Any]) -> str:
    """Return the sha256 of exactly the files of a checkpoint that are loaded, and of its settings.

    Args:
        files: The files of the model and its tokenizer.
        settings: The content of CLASSIFIER_FILE; its key `files_sha256` is left out.

    Raises:
        UserError: if the head is linear and HEAD_FILE is missing.
    """
    own = json.dumps({key: settings[key] for key in sorted(settings) if key != DIGEST_KEY})
    digests = files.digests | {CLASSIFIER_FILE: hashlib.sha256(own.encode()).hexdigest()}
    if settings["head"] == "linear":
        digests[HEAD_FILE] = file_digest(need_file(files.folder, HEAD_FILE))
    return listing_digest(digests)


def read_settings(folder: Path) -> CheckpointSettings:
    """Return the settings of a checkpoint; `check_saved_files` compares its files with them.

    Raises:
        UserError: if the folder is not a checkpoint, or its settings lack a key or have an unknown key or value.
    """
    if not is_checkpoint(folder):
        raise UserError(f"{folder} is not a fine-tuned checkpoint: it has no {CLASSIFIER_FILE}; name another folder")
    path = folder / CLASSIFIER_FILE
    tree = read_object(path)
    if CheckpointSettings.model_fields.keys() - tree.keys() - {"truncation"} == {DIGEST_KEY}:
        digest = checkpoint_digest(read_model_files(folder), tree)
        raise UserError(
            f"{path} has no {DIGEST_KEY}, so its files cannot be checked; run `dvc repro` to make it again, or, if you "
            f'trust them, add "{DIGEST_KEY}": "{digest}"'
        )
    return config.check(CheckpointSettings, tree, path)


def check_saved_files(files: ModelFiles, settings: CheckpointSettings) -> None:
    """Check that the files and settings of a checkpoint are those that it was saved with.

    Raises:
        UserError: if one of them differs: another vocabulary, pooling or label would mean other answers.
    """
    if checkpoint_digest(files, settings.model_dump(exclude_unset=True)) != settings.files_sha256:
        raise UserError(
            f"{files.folder} has other files than the ones it was saved with ({DIGEST_KEY} in {CLASSIFIER_FILE}): its "
            "settings, configuration, tokenizer or weights were changed; take a complete copy of the folder"
        )


def label_names(model_config: dict[str, Any], path: Path) -> list[str]:
    """Return the class names in a model's configuration, by id.

    Args:
        model_config: The configuration.
        path: Its file, named in errors.

    Raises:
        UserError: if `id2label` is not one text for each id from 0 on, each different.
    """
    names = model_config.get("id2label")
    labels: list[Any] = [names.get(str(i)) for i in range(len(names))] if isinstance(names, dict) else []
    if not labels or not all(isinstance(label, str) and label.strip() and _is_unicode(label) for label in labels):
        raise UserError(f"{path} has no label for each id from 0 on in id2label; take a complete copy of the folder")
    if len(set(labels)) != len(labels):
        raise UserError(f"{path} has the same label twice in id2label; take a complete copy of the folder")
    return labels


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
