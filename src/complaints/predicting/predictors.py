"""Predictors: models that turn texts into logits, and the decisions over one model or several."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.deciding.rule import DecisionRule, Decisions, apply, log_softmax
from complaints.predicting.choice import ModelChoice, Part

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
class Decider:
    """One model, or several whose log-probabilities a decision rule combines."""

    parts: Mapping[str, Labeller]
    rule: DecisionRule | None = None
    """None: the label of the only model has the highest logit."""

    @property
    def labels(self) -> list[str]:
        """Return the class names, by id."""
        return next(iter(self.parts.values())).labels

    def decide(self, texts: list[str], done: Done = ignore) -> Decisions:
        """Return the decisions on texts; blank texts are allowed.

        Progress is that of the last model.

        Raises:
            UserError: if a logit is not finite.
        """
        last = list(self.parts)[-1]
        logits = {name: model.logits(texts, done if name == last else ignore) for name, model in self.parts.items()}
        for name, values in logits.items():
            if not np.isfinite(values).all():
                raise UserError(
                    f"{name}: the model's logits are not finite; it may have diverged in training: take another one"
                )
        if self.rule is None:
            return Decisions(log_softmax(logits[last]), logits[last])
        return apply(self.rule, logits)


def load(choice: ModelChoice, precision: str) -> Decider:
    """Load a model, or all of an ensemble.

    Args:
        choice: The model.
        precision: `auto`, `fastest`, `fp32`, `bf16` or `fp16`; TF-IDF has one precision.

    Raises:
        UserError: if a file of a model is broken, or the models and the rule differ in their classes.
    """
    parts = {name: _load_part(part, precision) for name, part in choice.parts.items()}
    decider = Decider(parts, choice.rule)
    classes = len(decider.labels) if choice.rule is None else len(choice.rule.train_rows)
    for name, model in parts.items():
        if model.labels != decider.labels or len(model.labels) != classes:
            source = choice.rule_path or choice.parts[name].folder
            raise UserError(f"{source}: {choice.parts[name].folder} has other classes; run `dvc repro`")
    return decider


def _load_part(part: Part, precision: str) -> Labeller:
    if part.kind == "knn":
        from complaints.predicting.knn import KnnPredictor

        return KnnPredictor(part.folder, paths.LABELS, precision)
    if part.kind == "tfidf":
        from complaints.predicting.tfidf import TfidfPredictor

        return TfidfPredictor(part.folder, paths.LABELS)
    if part.kind == "onnx":
        from complaints.predicting.compressed import CompressedPredictor

        return CompressedPredictor(part.folder)
    from complaints.predicting.checkpoint import Predictor

    return Predictor(part.folder, precision)
