"""Rows of the scoreboard at a snapshot: their names, and their answers on the test set from predictions on disk."""

import numpy as np

from complaints.core import paths
from complaints.core.csv_files import read_csv
from complaints.core.errors import UserError
from complaints.deciding.row_names import ENSEMBLE, FLOOR, REFERENCE, adjusted, is_adjusted, model_of
from complaints.deciding.rule import (
    DecisionRule,
    Decisions,
    apply,
    check_predictions,
    log_softmax,
    read_rule,
    rule_file,
)
from complaints.evaluation.scoreboard import read_logits
from complaints.evaluation.truth import Truth, read_truth
from complaints.lineage.snapshots import Snapshot
from complaints.scoring.rungs import predictions_file

SCOREBOARD = paths.EVALUATION / "scoreboard.csv"


def rows_of(snapshot: Snapshot) -> list[str]:
    """Return the names of the rows of the scoreboard of a snapshot.

    Raises:
        UserError: if its params.yaml or dvc.lock cannot be read.
    """
    models = [REFERENCE, *map(str, snapshot.params["models"])]
    ensemble = [adjusted(ENSEMBLE)] if snapshot.has(rule_file(paths.RULES, ENSEMBLE)) else []
    return [FLOOR, *(row for model in models for row in (model, adjusted(model))), *ensemble]


def truth_of(snapshot: Snapshot) -> Truth:
    """Return the rows of the splits of a snapshot, with their true classes.

    Raises:
        UserError: if a file cannot be had or is broken.
    """
    files = [paths.LABELS, paths.HIERARCHY, paths.MANIFEST]
    snapshot.bring(*files, *(paths.SPLITS / f"{split}.parquet" for split in ("train", "validation", "test")))
    with snapshot.naming():
        return read_truth(snapshot.root / paths.SPLITS, *(snapshot.root / file for file in files))


def models_of(snapshot: Snapshot, row: str, truth: Truth) -> list[str]:
    """Return the models whose predictions a row of the scoreboard is made from.

    Raises:
        UserError: if its decision rule cannot be had.
    """
    rule = _rule(snapshot, row, truth)
    return [row] if rule is None else [part for part, weight in rule.weights.items() if weight]


def answers_of(snapshot: Snapshot, row: str, truth: Truth, split: str) -> Decisions:
    """Return the labels and probabilities of a row of the scoreboard on a held-out split of a snapshot.

    Raises:
        UserError: if predictions or decision rule cannot be had, are broken, or belong to other rows than the splits.
    """
    rule = _rule(snapshot, row, truth)
    models = models_of(snapshot, row, truth)
    files = [predictions_file(paths.PREDICTIONS, model) for model in models]
    snapshot.bring(*files)
    with snapshot.naming():
        logits = [read_logits(snapshot.root / file, truth)[split] for file in files]
        if rule is None:
            log_probabilities = log_softmax(logits[0])
            return Decisions(log_probabilities, log_probabilities)
        rules, predictions = snapshot.root / paths.RULES, snapshot.root / paths.PREDICTIONS
        check_predictions(rules, model_of(row), rule, predictions, models)
    return apply(rule, dict(zip(models, logits, strict=True)))


def _rule(snapshot: Snapshot, row: str, truth: Truth) -> DecisionRule | None:
    """Return the decision rule of a row, None if it takes the highest logit."""
    if not is_adjusted(row):
        return None
    name = model_of(row)
    file = rule_file(paths.RULES, name)
    if not snapshot.has(file):
        return _rule_before_decide(snapshot, row, truth)
    snapshot.bring(file)
    with snapshot.naming():
        return read_rule(snapshot.root / paths.RULES, name)


def _rule_before_decide(snapshot: Snapshot, row: str, truth: Truth) -> DecisionRule:
    """Return the rule of a row at a revision without the stage decide: evaluate chose tau, and its scoreboard has it.

    Raises:
        UserError: if the snapshot has no scoreboard with this row.
    """
    model = model_of(row)
    if not snapshot.has(SCOREBOARD):
        file = rule_file(paths.RULES, model)
        raise UserError(f"{snapshot.name} has no {file}, the decision rule of {row}; run `dvc repro` to make it")
    snapshot.bring(SCOREBOARD)
    with snapshot.naming():
        lines = read_csv(snapshot.root / SCOREBOARD, {"model", "tau"})
    taus = [line["tau"] for line in lines if line["model"] == row]
    if not taus:
        raise UserError(f"{SCOREBOARD} of {snapshot.name} has no row {row}; run `dvc repro`")
    train_rows = np.bincount(truth.label_ids["train"], minlength=len(truth.labels)).tolist()
    return DecisionRule(weights={model: 1.0}, temperature=1.0, tau=float(taus[0]), train_rows=train_rows)
