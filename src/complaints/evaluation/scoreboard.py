"""The rows of the scoreboard, scored from predictions, decision rules and splits."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.schema import HELD_OUT
from complaints.deciding.row_names import ENSEMBLE, FLOOR, REFERENCE, adjusted
from complaints.deciding.rule import DecisionRule, apply, check_predictions, log_softmax, read_rule
from complaints.evaluation.answers import Answers
from complaints.evaluation.given_product import masked
from complaints.evaluation.products import product_scores
from complaints.evaluation.row_values import top_values
from complaints.evaluation.subset_scores import (
    DECIMALS,
    Subset,
    SubsetScores,
    confidence_values,
    score_subsets,
    select,
    select_rows,
)
from complaints.evaluation.truth import Truth
from complaints.scoring import metrics
from complaints.scoring.alignment import aligned
from complaints.scoring.predictions import read_predictions
from complaints.scoring.rungs import predictions_file
from complaints.uncertainty.resampling import RESAMPLES, System


@dataclass(frozen=True)
class ScoreboardRow:
    """The answers of a model, without or with a decision rule, and their scores on both held-out splits."""

    answers: Answers
    scores: dict[str, metrics.ClassScores]
    """The scores per class on each of Truth.subsets."""
    values: dict[str, dict[str, float]]
    """The metrics by name on each of Truth.subsets."""
    intervals: dict[str, dict[str, tuple[float, float]]]
    """The 95 % intervals of metrics by name on each of Truth.subsets."""
    given_product: dict[str, SubsetScores]
    """The scores on each held-out split if the product is known; a split without products is left out."""

    @property
    def name(self) -> str:
        """Name of the row."""
        return self.answers.name

    @property
    def model(self) -> str:
        """Name of its model."""
        return self.answers.model

    @property
    def rule(self) -> DecisionRule | None:
        """Decision rule of the row; None: the label has the highest logit."""
        return self.answers.rule

    @property
    def predicted(self) -> Mapping[str, np.ndarray]:
        """For each held-out split, the predicted class ids, int64 [rows]."""
        return self.answers.predicted

    @property
    def tau(self) -> float | None:
        """Strength of the logit adjustment; None without a rule."""
        return None if self.rule is None else self.rule.tau

    @property
    def weights(self) -> str:
        """The parts of an ensemble with their weights, as words; "" for one model."""
        parts = {} if self.rule is None else self.rule.weights
        return ", ".join(f"{weight:.2f} {part}" for part, weight in parts.items()) if len(parts) > 1 else ""


def read_logits(path: Path, truth: Truth) -> dict[str, np.ndarray]:
    """Return the logits of a predictions file, float32 [rows, classes] for each held-out split.

    Raises:
        UserError: if the file is missing or broken, or as `aligned` does.
    """
    return aligned(path, read_predictions(path), {split: truth.row_ids[split] for split in HELD_OUT}, len(truth.labels))


def read_all_logits(folder: Path, models: Iterable[str], truth: Truth) -> dict[str, dict[str, np.ndarray]]:
    """Return the logits of the majority class and of `models`, in this order.

    Predictions of other models in the folder are ignored, and one note on stderr names them.

    Raises:
        UserError: for the reasons of `read_logits`.
    """
    names = [FLOOR, *models]
    others = sorted(path.stem for path in folder.glob("*.parquet") if path.stem not in names)
    if others:
        print(f"note: {folder}: params.yaml has no model named {', '.join(others)}; ignored", file=sys.stderr)
    return {name: read_logits(predictions_file(folder, name), truth) for name in names}


def read_rules(folder: Path, models: Iterable[str], predictions: Path) -> dict[str, DecisionRule]:
    """Return the decision rules by name: `models` and the ensemble.

    Raises:
        UserError: if a rule is missing or broken, or was fitted on predictions that are no longer there.
    """
    rules = {}
    for name in [*models, ENSEMBLE]:
        rules[name] = read_rule(folder, name)
        check_predictions(folder, name, rules[name], predictions)
    return rules


def score(
    truth: Truth,
    logits: Mapping[str, Mapping[str, np.ndarray]],
    rules: Mapping[str, DecisionRule],
    resamples: int = RESAMPLES,
) -> list[ScoreboardRow]:
    """Return the rows of the scoreboard: each model of `logits`, followed by the same model with its decision rule.

    Rules of other names come last. The floor has no rule. Classes are rescued against the raw answers of REFERENCE.
    """
    answers = list(answers_of(logits, rules))
    systems = {split: answer_systems(truth, answers, split) for split in HELD_OUT}
    subsets = {name: _subset(truth, systems[split], split, indices) for name, (split, indices) in truth.subsets.items()}
    known = {split: _given_product(truth, answers, split) for split in HELD_OUT if any(truth.products[split])}
    scored, given = (score_subsets(named, REFERENCE, resamples) for named in (subsets, known))
    for subset, (split, indices) in truth.subsets.items():
        for a in answers:
            scored[subset][a.name].values.update(_answer_values(truth, a, split, indices))
    for split, of_rows in given.items():
        candidates = _candidate_values(truth, split)
        for found in of_rows.values():
            found.values.update(candidates)
    return [
        ScoreboardRow(
            answers=a,
            scores={subset: of_rows[a.name].scores for subset, of_rows in scored.items()},
            values={subset: of_rows[a.name].values for subset, of_rows in scored.items()},
            intervals={subset: of_rows[a.name].intervals for subset, of_rows in scored.items()},
            given_product={split: of_rows[a.name] for split, of_rows in given.items()},
        )
        for a in answers
    ]


def answers_of(logits: Mapping[str, Mapping[str, np.ndarray]], rules: Mapping[str, DecisionRule]) -> Iterator[Answers]:
    """Yield the answers of each row of the scoreboard, in its order."""
    for name in dict.fromkeys([*logits, *rules]):
        if name in logits:
            log_probabilities = {split: log_softmax(logits[name][split]) for split in HELD_OUT}
            predicted = {split: logits[name][split].argmax(axis=1) for split in HELD_OUT}
            yield Answers(name, name, None, log_probabilities, predicted)
        if rule := rules.get(name):
            decided = {split: apply(rule, {part: logits[part][split] for part in rule.weights}) for split in HELD_OUT}
            log_probabilities = {split: decisions.log_probabilities for split, decisions in decided.items()}
            predicted = {split: decisions.predicted for split, decisions in decided.items()}
            yield Answers(adjusted(name), name, rule, log_probabilities, predicted)


def answer_systems(truth: Truth, answers: Sequence[Answers], split: str) -> dict[str, System]:
    """Return the answers on a held-out split as `uncertainty` takes them, by the names of their rows."""
    true = truth.label_ids[split]
    return {a.name: System(a.predicted[split], a.row_values(split, true)) for a in answers}


def _subset(truth: Truth, systems: Mapping[str, System], split: str, indices: np.ndarray) -> Subset:
    chosen = {name: select(system, indices) for name, system in systems.items()}
    return Subset(select_rows(truth.rows(split), indices), chosen)


def _given_product(truth: Truth, answers: Sequence[Answers], split: str) -> Subset:
    """Return a held-out split with the answers among the classes that occur with the row's product in training."""
    allowed, systems = truth.candidates.of_rows(truth.products[split]), {}
    for a in answers:
        scores = masked(a.ranking(split), allowed)
        predicted = scores.argmax(axis=1)
        systems[a.name] = System(predicted, top_values(scores, predicted, truth.label_ids[split]))
    return Subset(truth.rows(split), systems)


def _candidate_values(truth: Truth, split: str) -> dict[str, float]:
    """Return the mean number of candidates of a row, and the share of rows whose true class is among them."""
    allowed = truth.candidates.of_rows(truth.products[split])
    reachable = np.take_along_axis(allowed, truth.label_ids[split][:, None], axis=1)
    return {
        "candidates": round(float(allowed.sum(axis=1).mean()), DECIMALS),
        "reachable": round(float(reachable.mean()), DECIMALS),
    }


def _answer_values(truth: Truth, answers: Answers, split: str, indices: np.ndarray) -> dict[str, float]:
    """Return the metrics of confidences and of products on a subset."""
    predicted = answers.predicted[split][indices]
    right = predicted == truth.label_ids[split][indices]
    values = confidence_values(answers.confidence(split)[indices], right)
    products = product_scores(truth.hierarchy, [truth.products[split][i] for i in indices.tolist()], predicted)
    if products is not None:
        values["product_accuracy"] = round(products.accuracy, DECIMALS)
        values["product_macro_f1"] = round(products.macro_f1, DECIMALS)
    return values
