"""Learning curves of fine-tuning runs, read from their CSV files."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.core.errors import UserError, broken_output

STEP_COLUMNS = frozenset({"step", "loss"})
EPOCH_COLUMNS = frozenset({"step", "validation_loss", "validation_accuracy", "validation_macro_f1"})


@dataclass(frozen=True)
class History:
    """The learning curves of a fine-tuning run, as rows of text."""

    steps: Sequence[Mapping[str, str]]
    """One row per step, with STEP_COLUMNS."""
    epochs: Sequence[Mapping[str, str]]
    """One row per validation, with EPOCH_COLUMNS."""


def read_history(folder: Path) -> History:
    """Return the history in steps.csv and epochs.csv of a folder.

    Raises:
        UserError: if a file is missing or lacks a column.
    """
    return History(
        steps=_read_columns(folder / "steps.csv", STEP_COLUMNS),
        epochs=_read_columns(folder / "epochs.csv", EPOCH_COLUMNS),
    )


def _read_columns(path: Path, names: frozenset[str]) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = names - set(reader.fieldnames or ())
            if missing:
                raise broken_output(path, f"has no column {min(missing)}")
            return list(reader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` to build it") from None
