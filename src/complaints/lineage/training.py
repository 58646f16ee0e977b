"""Records of trainings inside models: training.json of a fine-tuned one, tfidf.json of TF-IDF, knn.json of kNN."""

from pathlib import Path
from typing import Any

from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.lineage.chain import Chain

RECORDS = ("training.json", "tfidf.json", "knn.json")
COMPUTED = ("device", "numerics", "precision", "instructions", "threads", "processes")
"""Keys of a training's record that say how it was computed."""


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record in a checkpoint's folder, None without one. A damaged record is none: verification finds it."""
    for name in RECORDS:
        file = folder / name
        try:
            content = read_json(file) if file.is_file() else None
        except UserError:
            content = None
        if isinstance(content, dict):
            return content
    return None


def record_of(chain: Chain, root: Path) -> dict[str, Any] | None:
    """Return the record of the checkpoint that the last stage of a chain trained, None without one."""
    found = (read_record(root / out.path) for out in chain.steps[-1].stage.outs)
    return next((record for record in found if record is not None), None)


def computed(chain: Chain, root: Path) -> dict[str, Any] | None:
    """Return how the last stage of a chain trained its checkpoint, None if its outputs have no record of that."""
    record = record_of(chain, root)
    return {key: record.get(key) for key in COMPUTED} if record and "numerics" in record else None
