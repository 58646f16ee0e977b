"""Choice of a vote on training rows, each judged by the rows of other folds, and predictions out of fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from complaints.core.errors import UserError
from complaints.neighbours.params import KnnParams
from complaints.neighbours.search import Nearest, nearest
from complaints.neighbours.vote import Vote, log_probabilities, weights
from complaints.scoring.class_prior import log_prior
from complaints.subsets.folds import assign_folds


@dataclass(frozen=True)
class Rows:
    """The training rows that vote."""

    features: np.ndarray
    """Rows of length 1, float32 [rows, width]."""
    label_ids: np.ndarray
    """Class ids, int64 [rows]."""
    clusters: Sequence[str]
    """Name of the cluster of near duplicates of each row."""
    classes: int
    """Size of the label vocabulary."""


@dataclass(frozen=True)
class Candidate:
    """A vote, and its score out of fold."""

    vote: Vote
    nll: float
    """Mean negative log-likelihood of the true class, in nats."""


@dataclass(frozen=True)
class Fit:
    """The chosen vote, and the predictions of the training rows by it."""

    vote: Vote
    candidates: list[Candidate]
    """All candidates, in ascending order of their values."""
    out_of_fold: np.ndarray
    """Log-probabilities of each training row by the rows of the other folds, float32 [rows, classes]."""


@dataclass(frozen=True)
class _Fold:
    """The rows of one fold, and their neighbours among the rows of the others."""

    rows: np.ndarray
    label_ids: np.ndarray
    """Class ids of the rows of the other folds; `found` numbers these rows."""
    found: Nearest


def votes(params: KnnParams) -> list[Vote]:
    """Return the candidates in ascending order of their values, each once."""
    return sorted({Vote(k, t, params.smoothing) for k in params.neighbours for t in params.temperatures})


def fit(rows: Rows, params: KnnParams) -> Fit:
    """Choose the vote with the best likelihood out of fold, the first among equals.

    Rows of a cluster of near duplicates share a fold, so a row is judged by texts that are not near duplicates of it,
    as held-out rows are.

    Args:
        rows: The training rows.
        params: Section `knn` of params.yaml.

    Raises:
        UserError: if all rows are near duplicates of each other.
    """
    fold = assign_folds(rows.clusters, rows.label_ids, params.folds, params.seed)
    numbers = np.unique(fold)
    if len(numbers) < 2:
        raise UserError("knn: all training texts are near duplicates; add complaints, or set knn.features to null")
    folds = [_search_fold(rows, fold == number, max(params.neighbours)) for number in numbers]
    candidates = [Candidate(vote, round(_nll(rows, folds, vote), 6)) for vote in votes(params)]
    best = min(candidates, key=lambda candidate: candidate.nll).vote
    out_of_fold = np.empty((len(fold), rows.classes), np.float32)
    for one in folds:
        out_of_fold[one.rows] = log_probabilities(one.found, one.label_ids, rows.classes, best)
    return Fit(best, candidates, out_of_fold)


def _search_fold(rows: Rows, here: np.ndarray, count: int) -> _Fold:
    others = rows.features[~here]
    return _Fold(np.flatnonzero(here), rows.label_ids[~here], nearest(others, rows.features[here], count))


def _nll(rows: Rows, folds: Sequence[_Fold], vote: Vote) -> float:
    """Return the mean negative log-likelihood of the true classes, without the probabilities of the others."""
    total = 0.0
    for fold in folds:
        true = rows.label_ids[fold.rows]
        right = fold.label_ids[fold.found.rows[:, : vote.neighbours]] == true[:, None]
        shares = (weights(fold.found.cosines, vote) * right).sum(axis=1)
        prior = np.exp(log_prior(fold.label_ids, rows.classes))[true]
        total -= float(np.log((1 - vote.smoothing) * shares + vote.smoothing * prior).sum())
    return total / len(rows.label_ids)
