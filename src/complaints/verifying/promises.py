"""Checks of promises: withdrawn complaints are gone, and checkpoints are the ones that were signed."""

from collections.abc import Mapping
from pathlib import Path

from complaints.core import paths
from complaints.core.dvc_lock import Stage
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet
from complaints.lineage.problems import Problem
from complaints.lineage.signatures import check_signature, checkpoint_of, lineage_of
from complaints.lineage.withdrawals import stale, withdrawn
from complaints.withdrawals.ledger import LEDGER, Withdrawals

TEXTS = (paths.COMPLAINTS.as_posix(), paths.UNLABELED_TEXTS.as_posix())
"""Outputs that withdrawn complaints are left out of."""


def check_withdrawn(lock: Mapping[str, Stage], root: Path) -> list[Problem]:
    """Return the outputs that still have withdrawn complaints: the complaints themselves, and checkpoints.

    Args:
        lock: The stages of dvc.lock.
        root: The folder of dvc.yaml.

    Returns:
        The problems; a ledger that cannot be read is one, and the outputs are not compared with it.
    """
    try:
        withdrawals = withdrawn(root)
    except UserError as error:
        return [Problem("fetch", LEDGER.as_posix(), "withdrawn", str(error))]
    if not withdrawals:
        return []
    problems = []
    for stage in lock.values():
        for out in stage.outs:
            if reason := stale(withdrawals, out.md5):
                problems.append(Problem(stage.name, out.path, "withdrawn", f"{out.path} is {reason}"))
            if out.path in TEXTS and (count := _count(root / out.path, withdrawals)):
                message = f"{out.path} has {count:,} complaint{'s' if count != 1 else ''} that {LEDGER} withdraws"
                problems.append(Problem(stage.name, out.path, "withdrawn", message))
    return problems


def _count(complaints: Path, withdrawals: Withdrawals) -> int:
    """Return the number of withdrawn rows; 0 for a file that cannot be read, which is a problem already."""
    try:
        table = read_parquet(complaints, columns=["row_id", "text"])
    except UserError:
        return 0
    rows = zip(table["row_id"].to_pylist(), table["text"].to_pylist(), strict=True)
    return sum(withdrawals.covers(row_id, text or "") for row_id, text in rows)


def check_signatures(lock: Mapping[str, Stage], public_key: Path) -> tuple[list[Problem], int]:
    """Return what does not hold of the signatures of checkpoints, and the number of signed checkpoints.

    Args:
        lock: The stages of dvc.lock.
        public_key: The public key in PEM.

    Raises:
        UserError: if model-signing is not installed, the key cannot be used, or no checkpoint has a signature.
    """
    makers = {Path(out.path): stage.name for stage in lock.values() for out in stage.outs}
    signed = [folder for folder in makers if _has_signature(folder)]
    if not signed:
        raise UserError("no checkpoint has a signature; run `complaints sign models/NAME --key FILE` first")
    problems = [
        Problem(makers[folder], folder.as_posix(), "signature", message)
        for folder in signed
        for message in check_signature(folder, public_key)
    ]
    return problems, len(signed)


def _has_signature(folder: Path) -> bool:
    lineage = lineage_of(folder)
    return checkpoint_of(folder).signature.exists() or (lineage is not None and lineage.signature.exists())
