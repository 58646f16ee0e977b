"""From predictions and splits to scored rows of the scoreboard, and from those to the tables on disk."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.core.errors import UserError
from complaints.core.files import read_json, read_parquet
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.scoring import metrics
from complaints.scoring.logit_adjustment import adjust, choose_tau, log_prior
from complaints.scoring.predictions import read_predictions

FLOOR = "majority"
REFERENCE = "tfidf"
"""The row that every other is compared with: a class is rescued where this one's F1 is 0."""

NEVER_SEEN = "_never_seen"

HEAD_CLASSES = 20
MID_CLASSES = 40


@dataclass(frozen=True)
class Truth:
    """What predictions are held against: the classes, the rows of the splits in order, and their true classes."""

    labels: list[str]
    row_ids: dict[str, list[str]]
    label_ids: dict[str, np.ndarray]
    """For each split, int64 [rows]."""
    seen: dict[str, np.ndarray]
    """For each held-out split, bool [rows]: whether train has an exact or near copy of the row."""
    products: dict[str, list[str | None]]
    """For each held-out split, the product of each row, None where the source has none."""
    hierarchy: dict[str, Any]
    """data/interim/hierarchy.json: which products each class is complained about with."""
    synthetic: bool

    @property
    def train_support(self) -> np.ndarray:
        """Training rows per class, int64 [classes]."""
        return np.bincount(self.label_ids["train"], minlength=len(self.labels))

    @property
    def parts(self) -> dict[str, tuple[str, np.ndarray]]:
        """All that is scored: name -> (held-out split, int64 places of rows in it).

        Where train has copies of some rows of a split, the others are a part of their own, `<split>_never_seen`.
        """
        parts = {split: (split, np.arange(len(self.label_ids[split]))) for split in HELD_OUT}
        for split, seen in self.seen.items():
            if seen.any() and not seen.all():
                parts[f"{split}{NEVER_SEEN}"] = (split, np.flatnonzero(~seen))
        return parts


@dataclass(frozen=True)
class Row:
    """One row of the scoreboard: a model, raw or adjusted, on both held-out splits."""

    name: str
    model: str
    tau: float | None
    """Strength of the logit adjustment; None where there is none."""
    predicted: dict[str, np.ndarray]
    """For each held-out split, the predicted class ids, int64 [rows]."""
    scores: dict[str, metrics.ClassScores]
    """For each part of Truth.parts, as are the other two."""
    values: dict[str, dict[str, float | int]]
    """The metrics by name."""
    errors: dict[str, dict[str, float]]
    """The standard errors of accuracy and macro_f1."""


def read_truth(splits: Path, interim: Path, source: Path) -> Truth:
    """Read `<splits>/{train,validation,test}.parquet`, `<interim>/{labels,hierarchy}.json` and the source's manifest.

    Raises:
        UserError: if a file is missing or broken, a split has no rows, or a label id is not in the list of names.
    """
    names = read_json(interim / "labels.json")
    row_ids, label_ids, seen, products = {}, {}, {}, {}
    for split in SPLITS:
        path = splits / f"{split}.parquet"
        table = read_parquet(path, columns=["row_id", "label_id", "seen", "product"])
        if table.num_rows == 0:
            raise UserError(f"{path} has no rows; raise the split's fraction in params.yaml or bring more complaints")
        row_ids[split] = table["row_id"].to_pylist()
        label_ids[split] = table["label_id"].to_numpy().astype(np.int64)
        if label_ids[split].min() < 0 or label_ids[split].max() >= len(names):
            raise UserError(
                f"{path} has a label_id outside the {len(names)} classes of {interim}/labels.json; run `dvc repro`"
            )
        if split in HELD_OUT:
            seen[split] = table["seen"].to_numpy()
            products[split] = table["product"].to_pylist()
    hierarchy = read_json(interim / "hierarchy.json")
    return Truth(names, row_ids, label_ids, seen, products, hierarchy, bool(read_json(source)["synthetic"]))


def read_logits(path: Path, truth: Truth) -> dict[str, np.ndarray]:
    """Return the logits of a predictions file, float32 [rows, classes] for each held-out split.

    Raises:
        UserError: if its rows are not those of the split, in their order, its classes are not as many as the
            vocabulary has, or a logit is not finite.
    """
    logits = {}
    for split, (row_ids, values) in read_predictions(path).items():
        expected = truth.row_ids[split]
        again = "run `dvc repro` to make it again"
        if row_ids != expected:
            wrong = next((i for i, pair in enumerate(zip(row_ids, expected, strict=False)) if pair[0] != pair[1]), None)
            what = (
                f"has {len(row_ids)} {split} rows, the split has {len(expected)}"
                if wrong is None
                else f"has row {row_ids[wrong]!r} where the {split} split has {expected[wrong]!r} (row {wrong + 1})"
            )
            raise UserError(f"{path} {what}; {again}")
        if values.shape[1] != len(truth.labels):
            raise UserError(f"{path} has {values.shape[1]} classes, the vocabulary has {len(truth.labels)}; {again}")
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise UserError(
                f"{path} has a logit that is not finite in {split} row {row_ids[int(np.argmin(finite))]!r}; the model "
                "may have diverged: lower its learning rate in params.yaml"
            )
        logits[split] = values
    return logits


def read_all_logits(folder: Path, models: Iterable[str], truth: Truth) -> dict[str, dict[str, np.ndarray]]:
    """Return the logits of the majority class, of TF-IDF and of `models`, in this order.

    Predictions of other models in the folder are left alone, and one note on stderr names them.
    Raises UserError as `read_logits` does.
    """
    names = [FLOOR, REFERENCE, *models]
    others = sorted(path.stem for path in folder.glob("*.parquet") if path.stem not in names)
    if others:
        print(f"note: {folder}: no model in params.yaml is named {', '.join(others)}; ignored", file=sys.stderr)
    return {name: read_logits(folder / f"{name}.parquet", truth) for name in names}


def score(truth: Truth, logits: dict[str, dict[str, np.ndarray]], grid: Sequence[float]) -> list[Row]:
    """Return the rows of the scoreboard: each model of `logits`, then the same with adjusted logits.

    The floor has no adjusted row. The strength of the adjustment is chosen from `grid` on validation rows alone.
    """
    prior = log_prior(truth.label_ids["train"], len(truth.labels))
    reference = {
        part: metrics.class_scores(
            truth.label_ids[split][rows], logits[REFERENCE][split][rows].argmax(axis=1), len(truth.labels)
        )
        for part, (split, rows) in truth.parts.items()
    }
    rows = []
    for model, values in logits.items():
        rows.append(_row(truth, model, None, values, reference))
        if model != FLOOR:
            tau = choose_tau(values["validation"], truth.label_ids["validation"], prior, grid)
            adjusted = {split: adjust(values[split], prior, tau) for split in HELD_OUT}
            rows.append(_row(truth, model, tau, adjusted, reference))
    return rows


def _row(
    truth: Truth,
    model: str,
    tau: float | None,
    logits: dict[str, np.ndarray],
    reference: dict[str, metrics.ClassScores],
) -> Row:
    classes = len(truth.labels)
    name = model if tau is None else f"{model}-adjusted"
    row = Row(name, model, tau, predicted={}, scores={}, values={}, errors={})
    for split in HELD_OUT:
        row.predicted[split] = logits[split].argmax(axis=1)
    for part, (split, places) in truth.parts.items():
        true, predicted = truth.label_ids[split][places], row.predicted[split][places]
        scores = metrics.class_scores(true, predicted, classes)
        share = metrics.accuracy(true, predicted)
        row.scores[part] = scores
        row.values[part] = {
            "accuracy": round(share, 6),
            "macro_f1": round(metrics.macro_f1(scores), 6),
            "weighted_f1": round(metrics.weighted_f1(scores), 6),
            "zero_f1_classes": metrics.zero_f1_classes(scores),
            "rescued": metrics.rescued_classes(scores, reference[part]),
        }
        row.errors[part] = {
            "accuracy": round(metrics.accuracy_error(share, len(true)), 6),
            "macro_f1": round(metrics.macro_f1_error(true, predicted, classes), 6),
        }
    return row


def by_frequency(train_support: np.ndarray) -> np.ndarray:
    """Return the class ids from most to least frequent in training; of equals the smaller id first."""
    return np.argsort(-train_support, kind="stable")


def tiers(train_support: np.ndarray) -> list[str]:
    """Return for each class `head` (the 20 most frequent in training), `mid` (the next 40) or `tail`."""
    result = ["tail"] * len(train_support)
    for rank, label_id in enumerate(by_frequency(train_support)[: HEAD_CLASSES + MID_CLASSES]):
        result[label_id] = "head" if rank < HEAD_CLASSES else "mid"
    return result
