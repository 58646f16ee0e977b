"""The rows of the scoreboard, scored from predictions and splits."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.errors import UserError, broken_output
from complaints.core.schema import HELD_OUT
from complaints.evaluation.answers import Answers
from complaints.evaluation.given_product import masked
from complaints.evaluation.products import product_scores
from complaints.evaluation.row_values import log_softmax, top_values
from complaints.evaluation.subset_scores import (
    DECIMALS,
    SubsetScores,
    confidence_values,
    score_subset,
    select,
    select_rows,
)
from complaints.evaluation.truth import Truth
from complaints.scoring import metrics
from complaints.scoring.logit_adjustment import adjust, choose_tau
from complaints.scoring.predictions import read_predictions
from complaints.uncertainty.resampling import RESAMPLES, System

FLOOR = "majority"
REFERENCE = "tfidf"
"""The model that every other is compared with: a class is rescued if its F1 is 0 under this model and above 0 here."""


@dataclass(frozen=True)
class ScoreboardRow:
    """The answers of a model, with or without a decision rule, and their scores on both held-out splits."""

    answers: Answers
    scores: dict[str, metrics.ClassScores]
    """The scores per class on each of Truth.subsets."""
    values: dict[str, dict[str, float]]
    """The metrics by name on each of Truth.subsets."""
    intervals: dict[str, dict[str, tuple[float, float]]]
    """The 95 % intervals of metrics by name on each of Truth.subsets."""
    given_product: dict[str, SubsetScores]
    """The scores on each held-out split if the product is known; empty if no row has one."""

    @property
    def name(self) -> str:
        """Name of the row."""
        return self.answers.name

    @property
    def model(self) -> str:
        """Name of its model."""
        return self.answers.model

    @property
    def tau(self) -> float | None:
        """Strength of the logit adjustment; None without a decision rule."""
        return self.answers.tau

    @property
    def predicted(self) -> Mapping[str, np.ndarray]:
        """For each held-out split, the predicted class ids, int64 [rows]."""
        return self.answers.predicted


def read_logits(path: Path, truth: Truth) -> dict[str, np.ndarray]:
    """Return the logits of a predictions file, float32 [rows, classes] for each held-out split.

    Raises:
        UserError: if its rows differ from those of the split or have another order, its number of classes is not that
            of the vocabulary, or a logit is not finite.
    """
    logits = {}
    for split, (row_ids, values) in read_predictions(path).items():
        problem = _mismatch(split, row_ids, truth.row_ids[split])
        if not problem and values.shape[1] != len(truth.labels):
            problem = f"has {values.shape[1]} classes, the vocabulary has {len(truth.labels)}"
        if problem:
            raise broken_output(path, problem)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise UserError(
                f"{path} has a logit that is not finite in {split} row {row_ids[int(np.argmin(finite))]!r}; the model "
                "may have diverged: lower its learning rate in params.yaml"
            )
        logits[split] = values
    return logits


def _mismatch(split: str, row_ids: Sequence[str], expected: Sequence[str]) -> str:
    """Return the first difference between the rows of a predictions file and those of a split, "" for none."""
    for index, (found, wanted) in enumerate(zip(row_ids, expected, strict=False), 1):
        if found != wanted:
            return f"has row {found!r} where the {split} split has {wanted!r} (row {index})"
    if len(row_ids) != len(expected):
        return f"has {len(row_ids)} {split} rows, the split has {len(expected)}"
    return ""


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


def score(
    truth: Truth,
    logits: Mapping[str, Mapping[str, np.ndarray]],
    grid: Sequence[float],
    resamples: int = RESAMPLES,
) -> list[ScoreboardRow]:
    """Return the rows of the scoreboard: each model of `logits`, followed by the same model with adjusted logits.

    The floor has no adjusted row. The strength of the adjustment is chosen from `grid` on validation rows only.
    """
    return score_answers(truth, list(raw_and_adjusted(truth, logits, grid)), resamples)


def raw_and_adjusted(
    truth: Truth, logits: Mapping[str, Mapping[str, np.ndarray]], grid: Sequence[float]
) -> Iterator[Answers]:
    """Yield the answers of each model by its logits, and by its adjusted ones unless it is the floor."""
    prior = truth.log_prior
    for model, values in logits.items():
        log_probabilities = {split: log_softmax(values[split]) for split in HELD_OUT}
        predicted = {split: values[split].argmax(axis=1) for split in HELD_OUT}
        yield Answers(model, model, None, log_probabilities, predicted)
        if model != FLOOR:
            tau = choose_tau(values["validation"], truth.label_ids["validation"], prior, grid)
            predicted = {split: adjust(values[split], prior, tau).argmax(axis=1) for split in HELD_OUT}
            yield Answers(f"{model}-adjusted", model, tau, log_probabilities, predicted)


def score_answers(truth: Truth, answers: Sequence[Answers], resamples: int = RESAMPLES) -> list[ScoreboardRow]:
    """Return the rows of the scoreboard; the answers of REFERENCE must be among them.

    Classes are rescued against the raw answers of REFERENCE.
    """
    systems = {split: answer_systems(truth, answers, split) for split in HELD_OUT}
    found = {}
    for subset, (split, indices) in truth.subsets.items():
        chosen = {name: select(system, indices) for name, system in systems[split].items()}
        found[subset] = score_subset(select_rows(truth.rows(split), indices), chosen, REFERENCE, resamples)
        for a in answers:
            found[subset][a.name].values.update(_answer_values(truth, a, split, indices))
    given = {split: _given_product(truth, answers, split, resamples) for split in HELD_OUT}
    return [
        ScoreboardRow(
            answers=a,
            scores={subset: scored[a.name].scores for subset, scored in found.items()},
            values={subset: scored[a.name].values for subset, scored in found.items()},
            intervals={subset: scored[a.name].intervals for subset, scored in found.items()},
            given_product={split: scored[a.name] for split, scored in given.items() if scored},
        )
        for a in answers
    ]


def answer_systems(truth: Truth, answers: Sequence[Answers], split: str) -> dict[str, System]:
    """Return the answers on a held-out split for `uncertainty`, by the names of their rows."""
    true, prior = truth.label_ids[split], truth.log_prior
    return {a.name: System(a.predicted[split], a.row_values(split, true, prior)) for a in answers}


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


def _given_product(truth: Truth, answers: Sequence[Answers], split: str, resamples: int) -> dict[str, SubsetScores]:
    """Return the scores of a held-out split if the product is known, nothing if no row of it has a product."""
    if not any(truth.products[split]):
        return {}
    allowed, prior, systems = truth.candidates.of_rows(truth.products[split]), truth.log_prior, {}
    for a in answers:
        scores = masked(a.ranking(split, prior), allowed)
        predicted = scores.argmax(axis=1)
        systems[a.name] = System(predicted, top_values(scores, predicted, truth.label_ids[split]))
    return score_subset(truth.rows(split), systems, REFERENCE, resamples)
