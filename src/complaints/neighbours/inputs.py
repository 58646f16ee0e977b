"""Inputs of the stage knn: features of an entry's initial encoder, and the rows that they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from complaints.core.errors import UserError, broken_output
from complaints.core.files import file_digest, read_json
from complaints.core.parquet import read_parquet
from complaints.features.store import FEATURES_FILE, Encoder, Features
from complaints.neighbours.fit import Rows
from complaints.neighbours.search import unit_rows
from complaints.subsets.row_ids import describe_rows


@dataclass(frozen=True)
class Inputs:
    """The rows of all splits with their features."""

    tables: Mapping[str, pa.Table]
    """Split -> row_id, label_id and group of its rows."""
    features: Mapping[str, np.ndarray]
    """Split -> features of length 1, float32 [rows, width]."""
    encoder: dict[str, Any]
    """The encoder of the features, as `Encoder` has it."""
    identity: dict[str, Any]
    """Digests of the files, and the rows of each split."""

    def row_ids(self, split: str) -> list[str]:
        """Return the row ids of a split."""
        ids: list[str] = self.tables[split]["row_id"].to_pylist()
        return ids

    def training_rows(self, classes: int) -> Rows:
        """Return the rows that vote; `classes` is the size of the label vocabulary."""
        train = self.tables["train"]
        label_ids = train["label_id"].to_numpy().astype(np.int64)
        return Rows(self.features["train"], label_ids, train["group"].to_pylist(), classes)


def read_inputs(splits: Path, folder: Path, labels: Path, names: tuple[str, ...]) -> Inputs:
    """Return the rows of splits and their features.

    Args:
        splits: Folder of the splits.
        folder: Folder of the features of an entry, from the stage embed.
        labels: The class names.
        names: The splits.

    Raises:
        UserError: if a file is missing or broken, or the entry has no features of a split.
    """
    record = read_json(folder / FEATURES_FILE)
    if not isinstance(record, dict) or not set(names) <= set(record.get("rows", ())):
        raise UserError(
            f"params.yaml: knn.features is {folder.name!r}, but {folder} has not the features of all splits; set "
            f"models.{folder.name}.features to true, or knn.features to null"
        )
    known = {key: record[key] for key in Encoder.model_fields if key in record}
    if lacking := sorted(Encoder.model_fields.keys() - known.keys()):
        raise broken_output(folder / FEATURES_FILE, f"lacks {', '.join(lacking)}")
    files = {name: splits / f"{name}.parquet" for name in names}
    tables = {name: read_parquet(file, ["row_id", "label_id", "group"]) for name, file in files.items()}
    source = Features(folder)
    features = {name: unit_rows(source.read(name, len(table))) for name, table in tables.items()}
    identity = {
        "data": {f"{name}.npy": file_digest(folder / f"{name}.npy") for name in names},
        "labels_sha256": file_digest(labels),
        "rows": describe_rows({name: table["row_id"].to_pylist() for name, table in tables.items()}),
        "splits_sha256": {name: file_digest(file) for name, file in files.items()},
    }
    return Inputs(tables, features, known, identity)
