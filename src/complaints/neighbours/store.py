"""Nearest-neighbour model on disk: features, row ids and labels of the training rows, and knn.json; no texts."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from complaints.core.errors import UserError, broken_output
from complaints.core.files import file_digest, read_json, write_json
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.section import Count, Positive, Section
from complaints.features.store import Encoder
from complaints.neighbours.fit import Fit
from complaints.neighbours.search import Nearest, nearest, unit_rows
from complaints.neighbours.vote import Vote, log_probabilities

SETTINGS_FILE = "knn.json"
FEATURES_FILE = "features.npy"
ROWS_FILE = "rows.parquet"
ROWS_SCHEMA = pa.schema(
    [pa.field("row_id", pa.string(), nullable=False), pa.field("label_id", pa.int32(), nullable=False)]
)
OFF = {"features": None}
"""Content of SETTINGS_FILE where the model is off."""


class _Vote(Section):
    """The chosen vote."""

    neighbours: Count
    temperature: Positive
    smoothing: Positive


@dataclass(frozen=True)
class NeighbourModel:
    """The training rows in the space of the features, and the vote of the nearest."""

    features: np.ndarray
    """Of length 1, float32 [rows, width]."""
    row_ids: Sequence[str]
    label_ids: np.ndarray
    """Class ids, int64 [rows]."""
    classes: int
    vote: Vote

    def nearest(self, features: np.ndarray, count: int) -> Nearest:
        """Return the nearest training rows of new features, float32 [texts, width]."""
        return nearest(self.features, unit_rows(features), count)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return log-probabilities, float32 [texts, classes], for new features, float32 [texts, width]."""
        found = self.nearest(features, self.vote.neighbours)
        return log_probabilities(found, self.label_ids, self.classes, self.vote).astype(np.float32)


def no_logits(classes: int) -> np.ndarray:
    """Return the logits of no rows, float32 [0, classes]."""
    return np.empty((0, classes), np.float32)


def save(model: NeighbourModel, fit: Fit, folder: Path, origin: Mapping[str, Any]) -> None:
    """Write FEATURES_FILE, ROWS_FILE and SETTINGS_FILE.

    Args:
        model: The model.
        fit: The choice of its vote.
        folder: An empty folder.
        origin: The encoder, the parameters and the identity of the data, as JSON values.
    """
    np.save(folder / FEATURES_FILE, model.features)
    columns = [pa.array(model.row_ids, pa.string()), pa.array(model.label_ids, pa.int32())]
    write_parquet(folder / ROWS_FILE, ROWS_SCHEMA, [pa.table(columns, schema=ROWS_SCHEMA)])
    settings = {
        **origin,
        "classes": model.classes,
        "vote": asdict(model.vote),
        "candidates": [asdict(candidate.vote) | {"nll": candidate.nll} for candidate in fit.candidates],
        "sha256": {name: file_digest(folder / name) for name in (FEATURES_FILE, ROWS_FILE)},
        "versions": {"numpy": importlib.metadata.version("numpy")},
    }
    write_json(folder / SETTINGS_FILE, settings)


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the content of SETTINGS_FILE.

    Raises:
        UserError: if the file is missing or broken, or the model is off.
    """
    file = folder / SETTINGS_FILE
    settings = read_json(file)
    if settings == OFF:
        raise UserError(f"{folder} is empty; set knn.features in params.yaml to an entry, and run `dvc repro`")
    needed = {"classes", "encoder", "entry", "sha256", "vote"}
    if not isinstance(settings, dict) or not needed <= settings.keys():
        raise broken_output(file, f"lacks one of {', '.join(sorted(needed))}")
    return settings


def load(folder: Path) -> tuple[NeighbourModel, Encoder]:
    """Return the model that `save` wrote, and the encoder that new texts need.

    Raises:
        UserError: if a file is missing, changed or broken, or the model is off.
    """
    settings, file = read_settings(folder), folder / SETTINGS_FILE
    for name in (FEATURES_FILE, ROWS_FILE):
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing; run `dvc repro` to make it")
        if not isinstance(settings["sha256"], dict) or file_digest(path) != settings["sha256"].get(name):
            raise broken_output(path, f"differs from the SHA-256 in {file}")
    try:
        vote, encoder = _Vote.model_validate(settings["vote"]), Encoder.model_validate(settings["encoder"])
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise broken_output(file, f"has a wrong value ({where}: {error.errors()[0]['msg']})") from None
    features = np.load(folder / FEATURES_FILE, allow_pickle=False)
    rows = read_parquet(folder / ROWS_FILE, ROWS_SCHEMA.names)
    label_ids = rows["label_id"].to_numpy().astype(np.int64)
    classes = int(settings["classes"])
    if len(features) != len(label_ids) or (len(label_ids) and int(label_ids.max()) >= classes):
        raise broken_output(folder, f"has {len(features)} features for {len(label_ids)} rows of {classes} classes")
    return NeighbourModel(features, rows["row_id"].to_pylist(), label_ids, classes, Vote(**vote.model_dump())), encoder
