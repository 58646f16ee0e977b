"""Folder of all cards: one folder for each model, for the ensemble and for the data."""

from collections.abc import Sequence
from pathlib import Path

from complaints.cards.croissant import croissant
from complaints.cards.data_card import data_card
from complaints.cards.evidence import Evidence
from complaints.cards.model_card import model_card
from complaints.cards.statement import statement
from complaints.cards.subject import read_parts, subject_of
from complaints.cards.withdrawn import stale_reasons
from complaints.core.files import write_json, write_text
from complaints.deciding.row_names import ENSEMBLE

CARD_FILE = "README.md"
LINEAGE_FILE = "lineage.json"
CROISSANT_FILE = "croissant.json"
DATA = "data"
"""Name of the folder of the data card; no entry of `models:` may have it."""


def write_cards(folder: Path, models: Sequence[str], evidence: Evidence, root: str) -> None:
    """Write the cards into an empty folder.

    Args:
        folder: The folder.
        models: The models of the scoreboard.
        evidence: The sources of the cards.
        root: The root of the project, seen from the folder of a card.

    Raises:
        UserError: if a model is missing.
    """
    parts = read_parts(evidence.sources.models, models)
    for name in (*models, ENSEMBLE):
        subject = subject_of(name, parts, evidence)
        stale = stale_reasons(subject.parts, evidence.withdrawals)
        (folder / name).mkdir()
        write_text(folder / name / CARD_FILE, model_card(subject, evidence, stale))
        write_json(folder / name / LINEAGE_FILE, statement(subject, evidence, stale))
    (folder / DATA).mkdir()
    write_text(folder / DATA / CARD_FILE, data_card(evidence))
    write_json(folder / DATA / CROISSANT_FILE, croissant(evidence, root))
