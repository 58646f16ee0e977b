"""Predictors: models that turn texts into logits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.predicting.choice import TRAIN, ModelChoice
from complaints.scoring.class_prior import log_prior
from complaints.scoring.logit_adjustment import adjust

Done = Callable[[int], None]
"""Called with the number of texts that were computed since its last call."""


def ignore(rows: int) -> None:
    """Ignore the number of texts."""


class Labeller(Protocol):
    """A model that labels texts."""

    @property
    def labels(self) -> list[str]:
        """Return the class names, by id."""

    def logits(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        """Return logits, [texts, classes]; their softmax is a probability."""


@dataclass(frozen=True)
class Adjusted:
    """A model whose logits are adjusted for the class frequencies in training, as evaluate adjusts them."""

    base: Labeller
    prior: np.ndarray
    """Log prior of the training labels, float64 [classes]."""
    tau: float

    @property
    def labels(self) -> list[str]:
        """Return the class names, by id."""
        return self.base.labels

    def logits(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        """Return adjusted logits, float64 [texts, classes]."""
        return adjust(self.base.logits(texts, done), self.prior, self.tau)


def load(choice: ModelChoice, precision: str) -> Labeller:
    """Load a model.

    Args:
        choice: The model.
        precision: `auto`, `fastest`, `fp32`, `bf16` or `fp16`; TF-IDF has one precision.

    Raises:
        UserError: if a file of the model is broken, or does not belong to the project's classes.
    """
    model: Labeller
    if choice.is_tfidf:
        from complaints.predicting.tfidf import TfidfPredictor

        model = TfidfPredictor(choice.folder, paths.LABELS)
    else:
        from complaints.predicting.checkpoint import Predictor

        model = Predictor(choice.folder, precision)
    if choice.tau is None:
        return model
    return Adjusted(model, train_prior(TRAIN, paths.LABELS, model.labels), choice.tau)


def train_prior(train: Path, label_file: Path, labels: list[str]) -> np.ndarray:
    """Return the log prior of the training split, float64 [classes].

    Args:
        train: The file of the training split.
        label_file: The class names by id, as the split numbers them.
        labels: The class names by id, as the model numbers them.

    Raises:
        UserError: if the two lists of names differ, or the split has another class id.
    """
    if read_json(label_file) != labels:
        raise UserError(f"{label_file} has other classes than the model; run `dvc repro` to train it on them")
    prior = log_prior(read_parquet(train, columns=["label_id"])["label_id"].to_numpy(), len(labels))
    if len(prior) != len(labels):
        raise UserError(f"{train} has a label_id outside the {len(labels)} classes of {label_file}; run `dvc repro`")
    return prior
