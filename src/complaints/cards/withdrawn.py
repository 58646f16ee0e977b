"""Withdrawn complaints, as far as they make a model stale."""

from pathlib import Path

from complaints.cards.subject import Part
from complaints.core.files import read_json


def stale_reasons(parts: list[Part], ledger: Path) -> list[str]:
    """Return a sentence for each model that was made from complaints that were withdrawn since.

    Args:
        parts: The models.
        ledger: The list of withdrawals; there may be none.
    """
    affected = read_json(ledger).get("affected", {}) if ledger.is_file() else {}
    return [f"{part.name} was made from complaints that were withdrawn" for part in parts if part.md5 in affected]
