"""Inputs of decision rules: rows of train and validation, with logits of models that were not trained on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.parquet import read_parquet
from complaints.deciding.fit import Sample, fit_rule
from complaints.deciding.params import DecideParams
from complaints.deciding.row_names import ENSEMBLE
from complaints.deciding.rule import DecisionRule, Source
from complaints.scoring.alignment import aligned
from complaints.scoring.predictions import read_checkpoint_md5, read_out_of_fold, read_predictions
from complaints.scoring.rungs import out_of_fold_file, parent_of, predictions_file

FITTED_ON = ("train", "validation")


@dataclass(frozen=True)
class Rows:
    """The rows of train, and of validation where a rule is scored on it."""

    row_ids: Mapping[str, Sequence[str]]
    true: Mapping[str, np.ndarray]
    """True classes, int64 [rows]."""
    groups: Mapping[str, Sequence[str]]
    classes: int

    @property
    def train_rows(self) -> np.ndarray:
        """Return the training rows of each class, int64 [classes]."""
        return np.bincount(self.true["train"], minlength=self.classes)


def read_rows(splits: Path, classes: int, names: Sequence[str] = FITTED_ON) -> Rows:
    """Return the rows of train and validation in a folder of splits, or those of the splits that are named.

    Raises:
        UserError: if a file is missing, broken or without rows.
    """
    row_ids, true, groups = {}, {}, {}
    for split in names:
        path = splits / f"{split}.parquet"
        table = read_parquet(path, columns=["row_id", "label_id", "group"])
        if table.num_rows == 0:
            raise UserError(f"{path} has no rows; raise the split's fraction in params.yaml or fetch more complaints")
        row_ids[split], groups[split] = table["row_id"].to_pylist(), table["group"].to_pylist()
        true[split] = table["label_id"].to_numpy().astype(np.int64)
    return Rows(row_ids, true, groups, classes)


def read_logits(predictions: Path, out_of_fold: Path, model: str, rows: Rows) -> dict[str, np.ndarray]:
    """Return the logits of a model, float32 [rows, classes]: of validation, and of train where it has such a file.

    Args:
        predictions: Folder of the predictions of models that were trained on the whole of train.
        out_of_fold: Folder of the predictions of train, each row by a model that was not trained on its cluster.
        model: Name of the model.
        rows: The rows.

    Raises:
        UserError: if a file is broken or has other rows.
    """
    file = predictions_file(predictions, model)
    logits = aligned(file, read_predictions(file), {"validation": rows.row_ids["validation"]}, rows.classes)
    file = out_of_fold_file(out_of_fold, model)
    train = read_out_of_fold(file) if file.is_file() else None
    if train is not None:
        logits |= aligned(file, {"train": train}, {"train": rows.row_ids["train"]}, rows.classes)
    return logits


def read_source(predictions: Path, model: str) -> Source:
    """Return the digests that tell whether a model's predictions or checkpoint are still the same."""
    path = predictions_file(predictions, model)
    return Source(predictions_sha256=file_digest(path), checkpoint_md5=read_checkpoint_md5(path))


def sample_of(rows: Rows, logits: Mapping[str, Mapping[str, np.ndarray]]) -> Sample:
    """Return the rows that a rule over the models of `logits` is fitted on: validation, and train if all have it."""
    splits = [split for split in FITTED_ON if all(split in values for values in logits.values())]
    return Sample(
        splits=splits,
        true=np.concatenate([rows.true[split] for split in splits]),
        groups=[group for split in splits for group in rows.groups[split]],
        logits={model: np.concatenate([values[split] for split in splits]) for model, values in logits.items()},
    )


def fit_rules(
    rows: Rows, predictions: Path, out_of_fold: Path, models: Sequence[str], settings: DecideParams
) -> dict[str, DecisionRule]:
    """Return a rule for each model, by its name, and one for the ensemble.

    A compressed model has the rule of the one that it was made from, which is fitted on more rows than validation where
    that model has out-of-fold predictions.

    Args:
        rows: The rows of train and validation.
        predictions: As in `read_logits`.
        out_of_fold: As in `read_logits`.
        models: The names of the models; those that compressed ones were made from are among them.
        settings: The objective and the candidates.

    Raises:
        UserError: if the ensemble has a part that is not in `models`, or as `read_logits` and `fit_rule` do.
    """
    fitted = [name for name in models if not parent_of(name)]
    ensemble = fitted if settings.ensemble is None else settings.ensemble
    if unknown := [name for name in ensemble if name not in models]:
        raise UserError(f"params.yaml: decide.ensemble names {unknown[0]!r}; there are {', '.join(models)}")
    logits = {name: read_logits(predictions, out_of_fold, name, rows) for name in dict.fromkeys([*fitted, *ensemble])}
    sources = {name: read_source(predictions, name) for name in models}
    rules = {
        name: fit_rule(
            sample_of(rows, {part: logits[part] for part in parts}),
            rows.train_rows,
            settings,
            {part: sources[part] for part in parts},
        )
        for name, parts in {**{name: [name] for name in fitted}, ENSEMBLE: ensemble}.items()
    }
    for name in models:
        if parent := parent_of(name):
            rules[name] = taken_over(rules[parent[0]], name, sources[name])
    return {name: rules[name] for name in [*models, ENSEMBLE]}


def taken_over(rule: DecisionRule, name: str, source: Source) -> DecisionRule:
    """Return the rule of a model as that of a compressed form of it.

    Args:
        rule: The rule of the model; its record of the fit, scores and thresholds stay those of the model.
        name: Name of the compressed model.
        source: The files of the compressed model, which are added to the parts of the fit.
    """
    assert rule.fit is not None
    fit = rule.fit.model_copy(update={"parts": {**rule.fit.parts, name: source}})
    return rule.model_copy(update={"weights": {name: 1.0}, "fit": fit})
