"""Fit of a decision rule, and its scores on rows that it was not fitted on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from complaints.core.errors import UserError
from complaints.deciding.objectives import choose, curve, macro_f1, thresholds
from complaints.deciding.params import DecideParams
from complaints.deciding.pooling import fit_scale, pool
from complaints.deciding.rule import DecisionRule, Fit, Source, log_softmax
from complaints.deciding.selection import select_shares
from complaints.scoring import metrics
from complaints.scoring.class_prior import log_prior_of_counts
from complaints.scoring.logit_adjustment import adjust


@dataclass(frozen=True)
class Sample:
    """The rows that a rule is fitted on."""

    splits: Sequence[str]
    """Their splits: validation, or train and validation."""
    true: np.ndarray
    """True classes, int64 [rows]."""
    groups: Sequence[str]
    """The near-duplicate cluster of each row."""
    logits: Mapping[str, np.ndarray]
    """For each part of the rule, logits [rows, classes] of a model that was not trained on the row."""


def folds_of(groups: Sequence[str], folds: int) -> np.ndarray:
    """Return the fold of each row, int64 [rows]: rows of a cluster share one, and no fold is empty.

    Clusters are dealt out in the order of their hashes.

    Raises:
        UserError: if there are fewer than two clusters.
    """
    names = sorted(set(groups), key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(names) < 2:
        raise UserError("decide: a rule needs two or more near-duplicate clusters; raise split.validation_fraction")
    fold = {name: rank % min(folds, len(names)) for rank, name in enumerate(names)}
    return np.array([fold[group] for group in groups])


def fit_rule(
    sample: Sample, train_rows: np.ndarray, settings: DecideParams, sources: Mapping[str, Source]
) -> DecisionRule:
    """Return the rule that is fitted on all rows of a sample, with its cross-fitted scores.

    Weights are selected for the objective, and the temperature minimises the negative log-likelihood. tau is the best
    point of the trade-off curve, whose log-probabilities of a fold come from weights and a temperature that were fitted
    on the other folds. The scores and thresholds are those of decisions whose tau was chosen there too.

    Args:
        sample: The rows.
        train_rows: Training rows of each class, int64 [classes].
        settings: The objective and the candidates.
        sources: The files of each part.

    Raises:
        UserError: if there are fewer than two clusters.
    """
    parts = list(sample.logits)
    log_p = np.stack([log_softmax(sample.logits[part]) for part in parts])
    prior = log_prior_of_counts(train_rows)
    folds = folds_of(sample.groups, settings.folds)
    pooled, predicted = _cross_fit(log_p, sample.true, folds, prior, settings)
    points = curve(pooled, sample.true, prior, settings.tau_grid)
    rows = np.arange(len(folds))
    shares, scale = _fit_pool(log_p, sample.true, prior, settings)
    within = settings.objective == "macro_f1_within"
    right = predicted == sample.true
    return DecisionRule(
        weights={part: round(float(share), 6) for part, share in zip(parts, shares, strict=True)},
        temperature=round(1 / scale, 6),
        tau=points[choose(points, settings)].tau,
        train_rows=train_rows.tolist(),
        fit=Fit(
            parts=dict(sources),
            objective=settings.objective,
            max_accuracy_loss=settings.max_accuracy_loss if within else None,
            splits=list(sample.splits),
            rows=len(folds),
            clusters=len(set(sample.groups)),
            folds=int(folds.max()) + 1,
            accuracy=round(metrics.accuracy(sample.true, predicted), 6),
            macro_f1=round(macro_f1(sample.true, predicted, len(prior)), 6),
            nll=round(float(-pooled[rows, sample.true].mean()), 6),
            curve=points,
            thresholds=thresholds(np.exp(pooled[rows, predicted]), right, settings.wanted_accuracies),
        ),
    )


def _cross_fit(
    log_p: np.ndarray, true: np.ndarray, folds: np.ndarray, prior: np.ndarray, settings: DecideParams
) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities [rows, classes] and labels [rows] of each fold from a rule fitted on the others."""
    pooled, predicted = np.empty(log_p.shape[1:]), np.empty_like(true)
    for fold in range(folds.max() + 1):
        here, others = folds == fold, folds != fold
        shares, scale = _fit_pool(log_p[:, others], true[others], prior, settings)
        points = curve(pool(shares * scale, log_p[:, others]), true[others], prior, settings.tau_grid)
        pooled[here] = pool(shares * scale, log_p[:, here])
        predicted[here] = adjust(pooled[here], prior, points[choose(points, settings)].tau).argmax(axis=1)
    return pooled, predicted


def _fit_pool(
    log_p: np.ndarray, true: np.ndarray, prior: np.ndarray, settings: DecideParams
) -> tuple[np.ndarray, float]:
    """Return the share of each part, [parts], and the scale of their pool, the inverse of the temperature."""
    shares = select_shares(log_p, true, prior, settings)
    return shares, fit_scale(np.tensordot(shares, log_p, axes=1), true)
