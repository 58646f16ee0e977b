"""Withdrawn complaints, as far as they make a model stale."""

from collections.abc import Sequence

from complaints.cards.subject import Part
from complaints.lineage.withdrawals import stale
from complaints.withdrawals.ledger import Withdrawals


def stale_reasons(parts: Sequence[Part], withdrawals: Withdrawals) -> list[str]:
    """Return a sentence for each model that was made from complaints that were withdrawn since."""
    found = ((part.name, stale(withdrawals, part.md5)) for part in parts)
    return [f"{name} is {reason}" for name, reason in found if reason]
