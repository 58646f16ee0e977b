"""Entries of `models:` in params.yaml: adding a copy of another entry, removing one with its outputs."""

import shutil
from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.yaml_text import parse_yaml
from complaints.params_document import ParamsDocument
from complaints.scoring.rungs import FORMATS, compressed_name, remove_outputs


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Return `key=value` arguments by key, each value read as YAML.

    Raises:
        UserError: if an argument has another form, or two have the same key.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UserError(f"{assignment!r}: write key=value, e.g. finetune.epochs=3")
        if key in values:
            raise UserError(f"-S {key} is given twice; give it once")
        try:
            values[key] = parse_yaml(value, key)
        except UserError as error:
            raise UserError(f"{assignment!r}: {value!r} is not a YAML value ({error})") from None
    return values


def add(name: str, like: str, assignments: list[str]) -> None:
    """Write a new entry to params.yaml, a copy of the entry `like` with some values changed.

    Raises:
        UserError: if `like` is missing, `name` exists or is not a valid name, or a value is not valid.
    """
    document = ParamsDocument()
    values = parse_assignments(assignments)
    for key in values if like in document.models() else ():
        if problem := document.key_problem(like, key):
            raise UserError(f"-S {key}: {problem}")
    document.add_entry(name, like, values)
    document.write()


def remove(name: str) -> list[Path]:
    """Remove an entry from params.yaml, and its outputs from the workspace; DVC's cache keeps them.

    Returns:
        The files and folders that were removed.

    Raises:
        UserError: if it is missing or the only one, or another entry has its weights as initial weights.
    """
    document = ParamsDocument()
    own = [(paths.MODELS / name).as_posix(), (paths.PRETRAINED / name).as_posix()]
    for other, entry in document.models().items():
        if other != name and isinstance(entry, dict) and entry.get("weights") in own:
            raise UserError(
                f"models.{other}.weights is {entry['weights']}, an output of models.{name}; change it first"
            )
    document.remove_entry(name)
    document.write()
    there = remove_outputs(name)
    scratch = [
        *(paths.SCRATCH / stage / name for stage in ("pretrain", "finetune", "cross_fit")),
        paths.TRAINING_TIMES / f"{name}.json",
        *(paths.COSTS / f"{rung}.json" for rung in (name, *(compressed_name(name, form) for form in FORMATS))),
    ]
    for path in (path for path in scratch if path.exists()):
        there.append(path)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return there
