"""Learning curves of fine-tuning runs, read from their CSV files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.core.csv_files import read_csv

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
        steps=read_csv(folder / "steps.csv", STEP_COLUMNS),
        epochs=read_csv(folder / "epochs.csv", EPOCH_COLUMNS),
    )
