"""Answer about the model: digests of model and data, its training record, card and lineage."""

from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.files import read_json
from complaints.deciding.row_names import model_of
from complaints.predicting.choice import in_project
from complaints.serving.served import Served

CARD, LINEAGE = "README.md", "lineage.json"
RECORDS = ("training.json", "tfidf.json", "knn.json")
DATA_KEYS = ("splits_sha256", "labels_sha256", "rows", "data")
"""Keys of a training record that name data."""


def card_file(served: Served, name: str) -> Path | None:
    """Return a file of the card of the served row; None outside a project, or before the stage card has run."""
    file = paths.CARDS / model_of(served.name) / name
    return (
        file
        if in_project()
        and model_of(served.name) == Path(served.name).name.removesuffix("-adjusted")
        and (file.is_file())
        else None
    )


def _record(folder: Path) -> dict[str, Any]:
    """Return the training record of a model's folder, {} if it has none."""
    for name in RECORDS:
        if (folder / name).is_file():
            return dict(read_json(folder / name))
    return {}


def about(served: Served) -> dict[str, Any]:
    """Return the served model with the data behind it."""
    parts = {}
    for name, part in served.choice.parts.items():
        record = _record(part.folder)
        parts[name] = {
            "folder": str(part.folder),
            "md5": served.md5s[name],
            "weight": served.choice.rule.weights[name] if served.choice.rule else 1.0,
            "data": {key: record[key] for key in DATA_KEYS if key in record},
            "training": {key: value for key, value in record.items() if key not in DATA_KEYS},
        }
    rule = served.choice.rule
    return {
        "name": served.name,
        "digest": served.digest,
        "threshold": served.least,
        "labels": served.decider.labels,
        "parts": parts,
        "rule": None
        if rule is None
        else {"sha256": served.rule_sha256, "temperature": rule.temperature, "tau": rule.tau},
        "card": "/model/card" if card_file(served, CARD) else None,
        "lineage": "/model/lineage" if card_file(served, LINEAGE) else None,
    }
