"""Withdrawals of a project, and whether a checkpoint is stale by one of them."""

from pathlib import Path

from complaints.withdrawals.ledger import LEDGER, NONE, Role, Withdrawals, read_ledger


def withdrawn(root: Path) -> Withdrawals:
    """Return the withdrawn complaints of a project, none in a project of before the ledger.

    Raises:
        UserError: if the ledger cannot be read.
    """
    path = root / LEDGER
    return read_ledger(path) if path.exists() else NONE


def stale(withdrawals: Withdrawals, md5: str) -> str | None:
    """Return why a checkpoint is stale, None if no withdrawn complaint is known to be in its data.

    Args:
        withdrawals: The withdrawals of the project.
        md5: The hash of the checkpoint in dvc.lock, that of a folder with `.dir`.
    """
    affected = withdrawals.affected.get(md5)
    if affected is None:
        return None
    verbs: dict[Role, str] = {
        "train": "trained on",
        "validation": "selected on validation rows with",
        "test": "made from test rows with",
    }
    return f"stale: {verbs[affected.role]} withdrawn complaints ({LEDGER})"
