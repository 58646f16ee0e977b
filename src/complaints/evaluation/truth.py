"""Reference for predictions: the classes and the rows of the splits, read from their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.core.errors import UserError, broken_output
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.evaluation.given_product import Candidates, read_candidates
from complaints.scoring.class_prior import log_prior
from complaints.uncertainty.resampling import Rows

NEVER_SEEN = "_never_seen"

HEAD_CLASSES = 20
MID_CLASSES = 40


@dataclass(frozen=True)
class Truth:
    """The reference for predictions: the classes, and the rows of the splits with their true classes."""

    labels: list[str]
    row_ids: dict[str, list[str]]
    """The row ids of each split, in its order."""
    label_ids: dict[str, np.ndarray]
    """For each split, int64 [rows]."""
    in_train: dict[str, np.ndarray]
    """For each held-out split, bool [rows]: whether train has an exact or near duplicate of the row."""
    clusters: dict[str, np.ndarray]
    """For each held-out split, the cluster of near duplicates of each row, int64 [rows]."""
    texts: dict[str, list[str]]
    """For each held-out split, the text of each row."""
    products: dict[str, list[str | None]]
    """For each split, the product of each row, None if the source names none."""
    hierarchy: dict[str, Any]
    """The products of each class, as `labels.products.hierarchy` returns them."""
    synthetic: bool

    @property
    def train_support(self) -> np.ndarray:
        """Training rows per class, int64 [classes]."""
        return np.bincount(self.label_ids["train"], minlength=len(self.labels))

    @property
    def log_prior(self) -> np.ndarray:
        """Log frequency of each class in training, float64 [classes]."""
        return log_prior(self.label_ids["train"], len(self.labels))

    @property
    def candidates(self) -> Candidates:
        """The classes that occur with each product in training."""
        renamed = self.hierarchy["products_renamed"]
        return read_candidates(self.products["train"], self.label_ids["train"], len(self.labels), renamed)

    def rows(self, split: str) -> Rows:
        """Return the rows of a held-out split for `uncertainty`."""
        return Rows(self.label_ids[split], self.clusters[split], len(self.labels), tiers(self.train_support))

    @property
    def subsets(self) -> dict[str, tuple[str, np.ndarray]]:
        """All subsets that are scored: name -> (held-out split, indices of rows in it, int64).

        If train has duplicates of some rows of a split, the other rows are also a subset, `<split>_never_seen`.
        """
        subsets = {split: (split, np.arange(len(self.label_ids[split]))) for split in HELD_OUT}
        for split, in_train in self.in_train.items():
            if in_train.any() and not in_train.all():
                subsets[f"{split}{NEVER_SEEN}"] = (split, np.flatnonzero(~in_train))
        return subsets


def read_truth(splits: Path, labels: Path, hierarchy: Path, manifest: Path) -> Truth:
    """Return the truth in the Parquet files of the folder `splits` and three JSON files.

    Raises:
        UserError: if a file is missing or broken, a split has no rows, or a label id has no name.
    """
    names = read_json(labels)
    row_ids, label_ids, in_train, clusters, texts, products = {}, {}, {}, {}, {}, {}
    for split in SPLITS:
        path = splits / f"{split}.parquet"
        columns = ["row_id", "label_id", "product"] + (["seen", "group", "text"] if split in HELD_OUT else [])
        table = read_parquet(path, columns)
        if table.num_rows == 0:
            raise UserError(f"{path} has no rows; raise the split's fraction in params.yaml or fetch more complaints")
        row_ids[split] = table["row_id"].to_pylist()
        label_ids[split] = table["label_id"].to_numpy().astype(np.int64)
        if label_ids[split].min() < 0 or label_ids[split].max() >= len(names):
            raise broken_output(path, f"has a label_id outside the {len(names)} classes of {labels}")
        products[split] = table["product"].to_pylist()
        if split in HELD_OUT:
            in_train[split] = table["seen"].to_numpy()
            clusters[split] = np.unique(np.array(table["group"].to_pylist()), return_inverse=True)[1]
            texts[split] = table["text"].to_pylist()
    synthetic = bool(read_json(manifest)["synthetic"])
    return Truth(names, row_ids, label_ids, in_train, clusters, texts, products, read_json(hierarchy), synthetic)


def by_frequency(train_support: np.ndarray) -> np.ndarray:
    """Return the class ids from most to least frequent in training; ties are broken by the smaller id."""
    return np.argsort(-train_support, kind="stable")


def tiers(train_support: np.ndarray) -> list[str]:
    """Return the tier of each class: `head` (the 20 most frequent in training), `mid` (the next 40) or `tail`."""
    result = ["tail"] * len(train_support)
    for rank, label_id in enumerate(by_frequency(train_support)[: HEAD_CLASSES + MID_CLASSES]):
        result[label_id] = "head" if rank < HEAD_CLASSES else "mid"
    return result
