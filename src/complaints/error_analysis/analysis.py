"""The error analysis of all rows of the scoreboard, from their predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from complaints.core.schema import HELD_OUT
from complaints.deciding.row_names import FLOOR, REFERENCE
from complaints.error_analysis.causes import MapEvidence
from complaints.error_analysis.confusion_pairs import ConfusionPair, confusion_pairs
from complaints.error_analysis.destinations import Destination, destinations, same_products
from complaints.error_analysis.hard_complaints import HardComplaint, confident_errors, hardest
from complaints.error_analysis.inputs import Sources
from complaints.error_analysis.label_errors import (
    Judgement,
    LabelError,
    LabelledRows,
    Measured,
    contradicted,
    judge,
    measure,
)
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.truth import Truth, tiers

ALL_MODELS = "all models"
"""The name under which the complaints that no model gets right are listed."""


@dataclass(frozen=True)
class HardList:
    """A list of misclassified complaints: the hardest for all models, or the most confident errors of one."""

    model: str
    split: str
    complaints: list[HardComplaint]


@dataclass(frozen=True)
class LabelErrors:
    """The likely wrong labels of one split by one model, and how well they fit the planted ones."""

    judgement: Judgement
    measured: Measured | None


@dataclass(frozen=True)
class Analysis:
    """The error analysis; keys of mappings are (row of the scoreboard, held-out split)."""

    best: str
    """The row of the scoreboard with the best validation macro-F1."""
    tiers: list[str]
    """The tier of each class."""
    pairs: dict[tuple[str, str], list[ConfusionPair]]
    destinations: dict[tuple[str, str], list[Destination]]
    hard: list[HardList]
    label_errors: list[LabelErrors]
    contradicted: dict[str, list[LabelError]]
    """By split, the rows that only near duplicates speak against."""
    planted: dict[str, str] | None
    """The class that the text of each wrongly labelled row was written for; None unless the corpus is synthetic."""
    evidence: MapEvidence
    limit: int
    """Number of the strongest pairs."""

    def strongest(self, pairs: Sequence[ConfusionPair]) -> list[ConfusionPair]:
        """Return the `limit` strongest pairs of all tiers together."""
        return [pair for pair in pairs if pair.rank <= self.limit]


def analyse(
    truth: Truth,
    rows: Sequence[ScoreboardRow],
    logits: Mapping[str, Mapping[str, np.ndarray]],
    sources: Sources,
    limit: int,
) -> Analysis:
    """Return the error analysis.

    Args:
        truth: The classes and the splits.
        rows: The rows of the scoreboard.
        logits: The logits of each model on both held-out splits, [rows, classes].
        sources: The other inputs.
        limit: Number of confusion pairs to keep, of all and of each tier.
    """
    tier = tiers(truth.train_support)
    models = [row for row in rows if row.model != FLOOR]
    pairs, landed = {}, {}
    for row in models:
        for split in HELD_OUT:
            true, predicted = truth.label_ids[split], row.predicted[split]
            same = same_products(truth.hierarchy, truth.products[split], predicted)
            pairs[row.name, split] = confusion_pairs(true, predicted, tier, limit)
            landed[row.name, split] = destinations(true, predicted, tier, same)
    judgements, only_contradicted, planted = _label_errors(truth, logits, sources, tier)
    return Analysis(
        best=max(models, key=lambda row: row.values["validation"]["macro_f1"]).name,
        tiers=tier,
        pairs=pairs,
        destinations=landed,
        hard=_hard_lists(truth, models),
        label_errors=judgements,
        contradicted=only_contradicted,
        planted=planted,
        evidence=sources.map_evidence(truth.labels),
        limit=limit,
    )


def _hard_lists(truth: Truth, rows: Sequence[ScoreboardRow]) -> list[HardList]:
    lists = []
    for split in HELD_OUT:
        true = truth.label_ids[split]
        plain = {row.name: row.answers.log_probabilities[split] for row in rows if row.rule is None}
        lists.append(HardList(ALL_MODELS, split, hardest(plain, true)))
        for row in rows:
            probabilities = np.exp(row.answers.log_probabilities[split])
            lists.append(HardList(row.name, split, confident_errors(probabilities, true, row.predicted[split])))
    return lists


def _label_errors(
    truth: Truth, logits: Mapping[str, Mapping[str, np.ndarray]], sources: Sources, tier: Sequence[str]
) -> tuple[list[LabelErrors], dict[str, list[LabelError]], dict[str, str] | None]:
    """Return the judgements of training rows (out of fold) and of validation rows, and what duplicates speak against.

    Test rows are not judged: a test label that is corrected because models dispute it favours these models.
    """
    planted = sources.planted_labels()
    out_of_fold = sources.out_of_fold_logits(truth.row_ids["train"], len(truth.labels))
    scored = {
        "train": {} if out_of_fold is None else {REFERENCE: out_of_fold},
        "validation": {name: values["validation"] for name, values in logits.items() if name != FLOOR},
    }
    found: list[LabelErrors] = []
    only_contradicted = {}
    for split, models in scored.items():
        rows = sources.rows(split, truth.label_ids[split])
        listed: list[LabelError] = []
        for name, values in models.items():
            judgement = judge(rows, name, np.exp(log_softmax(values.astype(np.float64), axis=1)), tier)
            found.append(LabelErrors(judgement, _measured(judgement, rows, planted, truth.labels)))
            listed += judgement.errors
        only_contradicted[split] = contradicted(rows, listed)
    return found, only_contradicted, planted


def _measured(
    judgement: Judgement, rows: LabelledRows, planted: dict[str, str] | None, names: Sequence[str]
) -> Measured | None:
    return None if planted is None else measure(judgement, rows, planted, names)
