"""Decision rule: weights of models, a temperature and a strength of logit adjustment, kept as JSON."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from complaints.core.errors import UserError, broken_output
from complaints.core.files import file_digest, read_json, write_json
from complaints.core.section import Count, NotNegative, Positive, Section, Share
from complaints.scoring.class_prior import log_prior_of_counts
from complaints.scoring.logit_adjustment import adjust
from complaints.scoring.rungs import predictions_file


class Source(Section):
    """The files that the logits of one part come from."""

    predictions_sha256: str
    checkpoint_md5: str | None
    """DVC's md5 of the folder of the model, None if the predictions name none."""


class Point(Section):
    """Scores under one strength of the adjustment."""

    tau: NotNegative
    accuracy: Share
    macro_f1: Share


class Threshold(Section):
    """The confidence from which answers have a wanted accuracy, and the share of rows that are answered there."""

    accuracy: Share
    confidence: Share | None
    """None if the accuracy is not reached."""
    coverage: Share | None


class Fit(Section):
    """Record of how a rule was fitted; all scores are of rows whose clusters the rule was not fitted on."""

    parts: dict[str, Source]
    """The parts that it was fitted on; in the rule of a compressed model, that model and the one that it was made from,
    whose fit this is."""
    objective: str
    max_accuracy_loss: Share | None
    """None if the objective has no such limit."""
    splits: list[str]
    rows: Count
    clusters: Count
    folds: Count
    accuracy: Share
    macro_f1: Share
    """Mean F1 over the classes with rows among those above."""
    nll: NotNegative
    """Mean negative log-likelihood of the true class, in nats."""
    curve: list[Point]
    """The candidates for tau, in ascending order."""
    thresholds: list[Threshold]


class DecisionRule(Section):
    """The label, its calibrated probability and its confidence, from the logits of one model or several.

    The log-probabilities of the parts are combined by log-linear pooling, z = sum_m w_m log p_m (Genest and Zidek 1986,
    "Combining probability distributions", section 3.3); p = softmax(z / temperature) (temperature scaling, Guo et al.
    2017); the label is argmax(z / temperature - tau x log prior) (Menon et al. 2021).
    """

    weights: dict[str, NotNegative]
    """Part -> weight; they sum to 1."""
    temperature: Positive
    tau: NotNegative
    train_rows: list[int]
    """Training rows of each class, for the prior."""
    fit: Fit | None = None
    """None for a rule that was written by hand."""

    @property
    def log_prior(self) -> np.ndarray:
        """Return the log prior of the classes, float64 [classes]."""
        return log_prior_of_counts(np.array(self.train_rows))


@dataclass(frozen=True)
class Decisions:
    """Labels and probabilities of rows."""

    log_probabilities: np.ndarray
    """Calibrated, float64 [rows, classes]."""
    scores: np.ndarray
    """The log-probabilities, adjusted by the prior, float64 [rows, classes]; a label has the highest."""

    @property
    def predicted(self) -> np.ndarray:
        """Return the class ids of the labels, int64 [rows]."""
        return self.scores.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """Return the calibrated probability of each label, float64 [rows]."""
        return np.exp(np.take_along_axis(self.log_probabilities, self.predicted[:, None], axis=1)[:, 0])


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities, float64 [..., classes], of logits [..., classes]."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def apply(rule: DecisionRule, logits: Mapping[str, np.ndarray]) -> Decisions:
    """Return the decisions of a rule.

    Args:
        rule: The rule.
        logits: Logits of each of its parts with weight, [rows, classes]; others are not looked at.
    """
    pooled = sum(weight * log_softmax(logits[part]) for part, weight in rule.weights.items() if weight)
    log_probabilities = log_softmax(np.asarray(pooled) / rule.temperature)
    return Decisions(log_probabilities, adjust(log_probabilities, rule.log_prior, rule.tau))


def rule_file(folder: Path, name: str) -> Path:
    """Return the path of a rule."""
    return folder / f"{name}.json"


def write_rule(folder: Path, name: str, rule: DecisionRule) -> None:
    """Write a rule into a folder."""
    write_json(rule_file(folder, name), rule.model_dump())


def read_rule(folder: Path, name: str) -> DecisionRule:
    """Return the rule `name` of a folder.

    Raises:
        UserError: if its file is missing or not a rule.
    """
    path = rule_file(folder, name)
    try:
        return DecisionRule.model_validate(read_json(path))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise broken_output(path, f"is not a decision rule ({where}: {error.errors()[0]['msg']})") from None


def check_predictions(
    folder: Path, name: str, rule: DecisionRule, predictions: Path, parts: Collection[str] | None = None
) -> None:
    """Check that the parts of a rule have the predictions that it was fitted on.

    Args:
        folder: The folder of the rules.
        name: Name of the rule.
        rule: The rule.
        predictions: The folder of the predictions.
        parts: The parts to check; None for all, also those without weight.

    Raises:
        UserError: for the first that has others.
    """
    for part, source in rule.fit.parts.items() if rule.fit else ():
        if parts is not None and part not in parts:
            continue
        path = predictions_file(predictions, part)
        if not path.is_file():
            raise UserError(f"{path} is missing; run `dvc repro` to make it")
        if file_digest(path) != source.predictions_sha256:
            raise UserError(f"{rule_file(folder, name)} was fitted on another {path}; run `dvc repro` to fit it again")
