"""Settings of a fine-tuned checkpoint, without its weights."""

from pathlib import Path
from typing import Any, Literal

from complaints.backbones.model_files import find_file, read_object, tokenizer_files_digest
from complaints.backbones.params import MaxLength
from complaints.core import config
from complaints.core.config import Section
from complaints.core.errors import UserError

CLASSIFIER_FILE = "classifier.json"
"""Settings of a fine-tuned checkpoint; its presence marks a folder as one."""


class CheckpointSettings(Section):
    """The content of CLASSIFIER_FILE."""

    head: Literal["linear", "stock"]
    pooling: Literal["mean", "cls", "last"]
    max_length: MaxLength
    tokenizer_files_sha256: str
    """The digest of the tokenizer files beside it."""


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder has the settings of a fine-tuned checkpoint.

    Raises:
        UserError: if something else than a regular file has that name.
    """
    return find_file(folder, CLASSIFIER_FILE) is not None


def read_settings(folder: Path) -> CheckpointSettings:
    """Return the settings of a checkpoint, whose tokenizer files are those that it was saved with.

    Raises:
        UserError: if the folder is not a checkpoint, its settings lack a key or have an unknown key or value, or its
            tokenizer files are others.
    """
    if not is_checkpoint(folder):
        raise UserError(f"{folder} is not a fine-tuned checkpoint: it has no {CLASSIFIER_FILE}; name another folder")
    path = folder / CLASSIFIER_FILE
    tree: dict[str, Any] = read_object(path)
    digest = tokenizer_files_digest(folder)
    key = "tokenizer_files_sha256"
    if CheckpointSettings.model_fields.keys() - tree.keys() == {key}:
        raise UserError(
            f"{path} has no {key}, so its tokenizer cannot be checked; run `dvc repro` to make it again, or, if it has "
            f'the tokenizer of its training, add "{key}": "{digest}"'
        )
    settings = config.check(CheckpointSettings, tree, path)
    if settings.tokenizer_files_sha256 != digest:
        raise UserError(
            f"{folder} has another tokenizer than the one it was saved with, whose ids may mean other words; "
            "take a complete copy of the folder"
        )
    return settings


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
    if not labels or not all(isinstance(label, str) and _is_unicode(label) for label in labels):
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
