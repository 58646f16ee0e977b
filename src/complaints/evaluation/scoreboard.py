"""The rows of the scoreboard, scored from predictions and splits."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.core.errors import UserError, broken_output
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.deciding.rule import ENSEMBLE, DecisionRule, apply, check_predictions, read_rule
from complaints.scoring import metrics
from complaints.scoring.alignment import aligned
from complaints.scoring.predictions import read_predictions

FLOOR = "majority"
REFERENCE = "tfidf"
"""The model that every other is compared with: a class is rescued if its F1 is 0 under this model and above 0 here."""

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
    products: dict[str, list[str | None]]
    """For each held-out split, the product of each row, None if the source names none."""
    hierarchy: dict[str, Any]
    """The products of each class, as `labels.products.hierarchy` returns them."""
    synthetic: bool

    @property
    def train_support(self) -> np.ndarray:
        """Training rows per class, int64 [classes]."""
        return np.bincount(self.label_ids["train"], minlength=len(self.labels))

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


@dataclass(frozen=True)
class ScoreboardRow:
    """The scores of a model, without or with a decision rule, on both held-out splits."""

    name: str
    model: str
    rule: DecisionRule | None
    """None: the label has the highest logit."""
    predicted: dict[str, np.ndarray]
    """For each held-out split, the predicted class ids, int64 [rows]."""
    scores: dict[str, metrics.ClassScores]
    """The scores per class on each of Truth.subsets."""
    values: dict[str, dict[str, float | int]]
    """The metrics by name on each of Truth.subsets."""
    errors: dict[str, dict[str, float]]
    """The standard errors of accuracy and macro_f1 on each of Truth.subsets."""

    @property
    def tau(self) -> float | None:
        """Return the strength of the logit adjustment; None without a rule."""
        return None if self.rule is None else self.rule.tau

    @property
    def weights(self) -> str:
        """Return the parts of an ensemble with their weights, as words; "" for one model."""
        parts = {} if self.rule is None else self.rule.weights
        return ", ".join(f"{weight:.2f} {part}" for part, weight in parts.items()) if len(parts) > 1 else ""


def read_truth(splits: Path, labels: Path, hierarchy: Path, manifest: Path) -> Truth:
    """Return the truth in the Parquet files of the folder `splits` and three JSON files.

    Raises:
        UserError: if a file is missing or broken, a split has no rows, or a label id has no name.
    """
    names = read_json(labels)
    row_ids, label_ids, in_train, products = {}, {}, {}, {}
    for split in SPLITS:
        path = splits / f"{split}.parquet"
        table = read_parquet(path, columns=["row_id", "label_id", "seen", "product"])
        if table.num_rows == 0:
            raise UserError(f"{path} has no rows; raise the split's fraction in params.yaml or fetch more complaints")
        row_ids[split] = table["row_id"].to_pylist()
        label_ids[split] = table["label_id"].to_numpy().astype(np.int64)
        if label_ids[split].min() < 0 or label_ids[split].max() >= len(names):
            raise broken_output(path, f"has a label_id outside the {len(names)} classes of {labels}")
        if split in HELD_OUT:
            in_train[split] = table["seen"].to_numpy()
            products[split] = table["product"].to_pylist()
    synthetic = bool(read_json(manifest)["synthetic"])
    return Truth(names, row_ids, label_ids, in_train, products, read_json(hierarchy), synthetic)


def read_logits(path: Path, truth: Truth) -> dict[str, np.ndarray]:
    """Return the logits of a predictions file, float32 [rows, classes] for each held-out split.

    Raises:
        UserError: if the file is missing or broken, or as `aligned` does.
    """
    return aligned(path, read_predictions(path), {split: truth.row_ids[split] for split in HELD_OUT}, len(truth.labels))


def read_all_logits(folder: Path, models: Iterable[str], truth: Truth) -> dict[str, dict[str, np.ndarray]]:
    """Return the logits of the majority class, of TF-IDF and of `models`, in this order.

    Predictions of other models in the folder are ignored, and one note on stderr names them.

    Raises:
        UserError: for the reasons of `read_logits`.
    """
    names = [FLOOR, REFERENCE, *models]
    others = sorted(path.stem for path in folder.glob("*.parquet") if path.stem not in names)
    if others:
        print(f"note: {folder}: params.yaml has no model named {', '.join(others)}; ignored", file=sys.stderr)
    return {name: read_logits(folder / f"{name}.parquet", truth) for name in names}


def read_rules(folder: Path, models: Iterable[str], predictions: Path) -> dict[str, DecisionRule]:
    """Return the rules of TF-IDF, of `models` and of the ensemble.

    Raises:
        UserError: if a rule is missing or broken, or was fitted on predictions that are no longer there.
    """
    rules = {}
    for name in [REFERENCE, *models, ENSEMBLE]:
        rules[name] = read_rule(folder, name)
        check_predictions(folder, name, rules[name], predictions)
    return rules


def score(
    truth: Truth, logits: Mapping[str, Mapping[str, np.ndarray]], rules: Mapping[str, DecisionRule]
) -> list[ScoreboardRow]:
    """Return the rows of the scoreboard: each model of `logits`, followed by the same model with its decision rule.

    Rules of other names come last. The floor has no rule.
    """
    reference = {
        subset: metrics.class_scores(
            truth.label_ids[split][indices], logits[REFERENCE][split][indices].argmax(axis=1), len(truth.labels)
        )
        for subset, (split, indices) in truth.subsets.items()
    }
    rows = []
    for name in dict.fromkeys([*logits, *rules]):
        if name in logits:
            rows.append(_row(truth, name, None, logits[name], reference))
        if name in rules:
            decided = {
                split: apply(rules[name], {part: logits[part][split] for part in rules[name].weights}).scores
                for split in HELD_OUT
            }
            rows.append(_row(truth, name, rules[name], decided, reference))
    return rows


def _row(
    truth: Truth,
    model: str,
    rule: DecisionRule | None,
    logits: Mapping[str, np.ndarray],
    reference: Mapping[str, metrics.ClassScores],
) -> ScoreboardRow:
    classes = len(truth.labels)
    name = model if rule is None else f"{model}-adjusted"
    row = ScoreboardRow(name, model, rule, predicted={}, scores={}, values={}, errors={})
    for split in HELD_OUT:
        row.predicted[split] = logits[split].argmax(axis=1)
    for subset, (split, indices) in truth.subsets.items():
        true, predicted = truth.label_ids[split][indices], row.predicted[split][indices]
        scores = metrics.class_scores(true, predicted, classes)
        accuracy = metrics.accuracy(true, predicted)
        row.scores[subset] = scores
        row.values[subset] = {
            "accuracy": round(accuracy, 6),
            "macro_f1": round(metrics.macro_f1(scores), 6),
            "weighted_f1": round(metrics.weighted_f1(scores), 6),
            "zero_f1_classes": metrics.zero_f1_classes(scores),
            "rescued": metrics.rescued_classes(scores, reference[subset]),
        }
        row.errors[subset] = {
            "accuracy": round(metrics.accuracy_error(accuracy, len(true)), 6),
            "macro_f1": round(metrics.macro_f1_error(true, predicted, classes), 6),
        }
    return row


def by_frequency(train_support: np.ndarray) -> np.ndarray:
    """Return the class ids from most to least frequent in training; ties are broken by the smaller id."""
    return np.argsort(-train_support, kind="stable")


def tiers(train_support: np.ndarray) -> list[str]:
    """Return the tier of each class: `head` (the 20 most frequent in training), `mid` (the next 40) or `tail`."""
    result = ["tail"] * len(train_support)
    for rank, label_id in enumerate(by_frequency(train_support)[: HEAD_CLASSES + MID_CLASSES]):
        result[label_id] = "head" if rank < HEAD_CLASSES else "mid"
    return result
