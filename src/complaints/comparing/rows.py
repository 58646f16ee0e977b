"""Rows of the scoreboard at a snapshot: their names, and their answers on the test set from predictions on disk."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from complaints.comparing.snapshots import Snapshot
from complaints.core import paths
from complaints.core.config import PARAMS_FILE
from complaints.core.errors import UserError
from complaints.evaluation.scoreboard import FLOOR, REFERENCE, Truth, read_logits, read_truth
from complaints.scoring.class_prior import log_prior
from complaints.scoring.logit_adjustment import adjust, choose_tau

ADJUSTED = "-adjusted"


@dataclass(frozen=True)
class Answers:
    """The answers of a row of the scoreboard on the rows of a held-out split."""

    predicted: np.ndarray
    """Predicted class ids, int64 [rows]."""
    log_probabilities: np.ndarray
    """Log-probabilities of the classes, float64 [rows, classes]."""


def rows_of(snapshot: Snapshot) -> list[str]:
    """Return the names of the rows of the scoreboard of a snapshot.

    Raises:
        UserError: if its params.yaml cannot be read.
    """
    models = [REFERENCE, *map(str, snapshot.params["models"])]
    return [FLOOR, *(row for model in models for row in (model, model + ADJUSTED))]


def models_of(row: str) -> list[str]:
    """Return the models whose predictions a row of the scoreboard is made from."""
    return [row.removesuffix(ADJUSTED)]


def truth_of(snapshot: Snapshot) -> Truth:
    """Return the rows of the splits of a snapshot, with their true classes.

    Raises:
        UserError: if a file cannot be had or is broken.
    """
    files = [paths.LABELS, paths.HIERARCHY, paths.MANIFEST]
    snapshot.bring(*files, *(paths.SPLITS / f"{split}.parquet" for split in ("train", "validation", "test")))
    with snapshot.naming():
        return read_truth(snapshot.root / paths.SPLITS, *(snapshot.root / file for file in files))


def answers_of(snapshot: Snapshot, row: str, truth: Truth, split: str) -> Answers:
    """Return the answers of a row of the scoreboard on a held-out split of a snapshot.

    Raises:
        UserError: if the predictions cannot be had, are broken, or are those of other rows than the splits have.
    """
    logits = {model: _logits(snapshot, model, truth) for model in models_of(row)}
    return _decide(snapshot, row, logits, truth, split)


def _logits(snapshot: Snapshot, model: str, truth: Truth) -> dict[str, np.ndarray]:
    file = paths.PREDICTIONS / f"{model}.parquet"
    snapshot.bring(file)
    with snapshot.naming():
        return read_logits(snapshot.root / file, truth)


def _decide(
    snapshot: Snapshot, row: str, logits: Mapping[str, Mapping[str, np.ndarray]], truth: Truth, split: str
) -> Answers:
    """Return the answers that the decision rule of a row makes of the logits of its models, as the scoreboard does."""
    (values,) = logits.values()
    scores = values[split].astype(np.float64)
    if row.endswith(ADJUSTED):
        prior = log_prior(truth.label_ids["train"], len(truth.labels))
        tau = choose_tau(values["validation"], truth.label_ids["validation"], prior, _grid(snapshot))
        return Answers(adjust(values[split], prior, tau).argmax(axis=1), _log_softmax(scores))
    return Answers(values[split].argmax(axis=1), _log_softmax(scores))


def _grid(snapshot: Snapshot) -> list[float]:
    """Return the candidates for the strength of the adjustment in params.yaml."""
    try:
        return [float(tau) for tau in snapshot.params["evaluate"]["adjustment_grid"]]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{snapshot.name}:{PARAMS_FILE} has no list of numbers evaluate.adjustment_grid") from None


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
