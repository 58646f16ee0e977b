"""Validation scores of experiments, computed from files in DVC's cache; no test row is scored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.evaluation.truth import tiers
from complaints.lineage.cache import Cache
from complaints.scoring.predictions import read_predictions
from complaints.uncertainty.resampling import Rows, System, bootstrap

TRAIN, VALIDATION = paths.SPLITS / "train.parquet", paths.SPLITS / "validation.parquet"
ROW_FILES = tuple(path.as_posix() for path in (paths.LABELS, TRAIN, VALIDATION))
"""Outputs of the pipeline that define the validation rows and their classes."""


def _find(cache: Cache, md5: str, what: str) -> Path:
    """Return the path of an object in DVC's cache.

    Raises:
        UserError: if the cache does not have it.
    """
    if not cache.has(md5):
        raise UserError(f"DVC's cache has no {what} ({md5}); delete the record of the study to make it again")
    return cache.path(md5)


@dataclass(frozen=True)
class Validation:
    """The n validation rows that all points of a study are scored on."""

    row_ids: list[str]
    rows: Rows

    def system(self, cache: Cache, md5: str) -> System:
        """Return the answers of an experiment on these rows: the classes of its highest logits.

        Raises:
            UserError: if the cache lacks the predictions, or they are those of other rows.
        """
        row_ids, logits = read_predictions(_find(cache, md5, "predictions"))["validation"]
        if row_ids != self.row_ids or logits.shape[1] != self.rows.classes:
            raise UserError(f"the predictions {md5} are not those of the validation rows of this study")
        return System(logits.argmax(axis=1).astype(np.int64))


def read_validation(cache: Cache, files: Mapping[str, str]) -> Validation:
    """Return the validation rows.

    Args:
        cache: DVC's cache.
        files: Path in ROW_FILES -> md5.

    Raises:
        UserError: if the cache lacks a file.
    """
    found = {path: _find(cache, md5, path) for path, md5 in files.items()}
    classes = len(read_json(found[paths.LABELS.as_posix()]))
    train = read_parquet(found[TRAIN.as_posix()], columns=["label_id"])
    table = read_parquet(found[VALIDATION.as_posix()], columns=["row_id", "label_id", "group"])
    support = np.bincount(train["label_id"].to_numpy(), minlength=classes)
    _, clusters = np.unique(np.asarray(table["group"].to_pylist()), return_inverse=True)
    true = table["label_id"].to_numpy().astype(np.int64)
    return Validation(table["row_id"].to_pylist(), Rows(true, clusters.astype(np.int64), classes, tiers(support)))


def scores(validation: Validation, system: System) -> dict[str, float]:
    """Return the value of each metric on all validation rows."""
    return {name: metric.value for name, metric in bootstrap(validation.rows, {"": system}, 0)[""].items()}
