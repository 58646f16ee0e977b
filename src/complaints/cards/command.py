"""Command `complaints card`: a folder with a model, its decision rule, its card and its lineage."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from complaints.cards.export import export, foreign_files, read_statement
from complaints.cards.measured import measured
from complaints.cards.statement import models_of, stale_of
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.deciding.row_names import ENSEMBLE, is_adjusted, model_of
from complaints.lineage.withdrawals import stale, withdrawn
from complaints.output_files import check_folder
from complaints.scoring.rungs import rung_names

ROOT = Path(".")
SHOWN = 5


def _check_name(name: str) -> None:
    known = [*rung_names(), ENSEMBLE]
    if name in known:
        return
    if is_adjusted(name) and model_of(name) in known:
        raise UserError(f"card: {name} is {model_of(name)} with its decision rule, which its card has too; name that")
    close = difflib.get_close_matches(name, known, n=1)
    guess = f" (did you mean {close[0]}?)" if close else ""
    raise UserError(f"card: there is no model {name!r}{guess}; name one of {', '.join(known)}")


def _check_target(target: Path) -> None:
    """Check that nothing is lost if a folder is replaced, and that no stage's input or output changes.

    Raises:
        UserError: as `check_folder` does, and if the target has files that this command did not write.
    """
    check_folder(target, "--output")
    if others := foreign_files(target):
        shown = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
        raise UserError(
            f"{target} has files that this command did not write, or that were changed since: {shown}; move them, or "
            "name another folder with --output"
        )


def _check_stale(statement: Mapping[str, Any], card: Path) -> None:
    """Check that a card tells that its model was made from withdrawn complaints, if it was.

    Raises:
        UserError: if the card was written before the withdrawal.
    """
    withdrawals = withdrawn(ROOT)
    found = [name for name, made in models_of(statement).items() if stale(withdrawals, made.md5)]
    if found and not stale_of(statement):
        raise UserError(
            f"{found[0]} was made from complaints that were withdrawn since; run `dvc repro` to train it again, or "
            "`dvc repro "
            f"--single-item card` for a card in {card} that tells this"
        )


def run(name: str, target: Path, watts: float | None) -> int:
    """Run the command.

    Args:
        name: The model.
        target: The folder to make.
        watts: The mean power of the machine during the training, None if it is not known.

    Raises:
        UserError: naming the argument, or the file that is missing, broken or out of date.
    """
    _check_name(name)
    _check_target(target)
    card = paths.CARDS / name
    statement = read_statement(card)
    _check_stale(statement, card)
    more = measured(models_of(statement), ROOT, watts)
    files = export(name, card, paths.MODELS, paths.RULES, target, more)
    print(f"{target}: {', '.join(map(str, files))}")
    print(f"To publish it: hf upload USER/NAME {target}")
    return 0
