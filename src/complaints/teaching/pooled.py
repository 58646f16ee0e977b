"""Teacher of one student: its models' out-of-fold log-probabilities, weighted, calibrated and adjusted."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.errors import UserError
from complaints.core.files import file_digest, replacing_folder, write_json
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.deciding.fit import Sample, fit_rule
from complaints.deciding.inputs import Rows
from complaints.deciding.params import DecideParams
from complaints.deciding.row_names import REFERENCE
from complaints.deciding.rule import DecisionRule, Source, apply, write_rule
from complaints.scoring.alignment import aligned
from complaints.scoring.predictions import TRAIN, read_folds, read_out_of_fold, write_out_of_fold, write_unlabeled
from complaints.teaching.folder import LOGITS_FILE, TEXTS_FILE, UNLABELED_FILE, read_unlabeled_logits
from complaints.teaching.params import TeacherParams

RULE = "rule"
RECORD_FILE = "teacher.json"


@dataclass(frozen=True)
class UnlabeledInputs:
    """The files of the texts without labels."""

    texts: Path
    """The texts, in UNLABELED_SCHEMA."""
    logits: Path
    """Folder of the predictions of all teachers."""


def write_no_teacher(folder: Path) -> None:
    """Write the folder of an entry without teachers: a record that names none."""
    with replacing_folder(folder) as target:
        write_json(target / RECORD_FILE, {"models": []})


def write_teacher(
    params: TeacherParams,
    rows: Rows,
    out_of_fold: Path,
    settings: DecideParams,
    folder: Path,
    unlabeled: UnlabeledInputs | None = None,
) -> DecisionRule:
    """Write the logits of the teacher on the training rows, its decision rule and its record.

    Weights and temperature are fitted as those of every decision rule, on the training rows: each of them has logits of
    models that were not trained on its cluster. A student learns the class frequencies of its teacher along with all
    else, so they are taken out of the logits first: calibrated log-probabilities minus tau x log prior. Texts without
    labels are scored by the same rule.

    Args:
        params: The teachers and tau.
        rows: The rows of train.
        out_of_fold: Folder of the out-of-fold predictions.
        settings: The objective and the candidates of decision rules.
        folder: Folder to write: LOGITS_FILE, the rule and RECORD_FILE; with texts without labels also TEXTS_FILE and
            UNLABELED_FILE.
        unlabeled: The texts without labels; None if the student does not learn from them.

    Returns:
        The decision rule.

    Raises:
        UserError: if a teacher has no out-of-fold logits, or its file is broken or has other rows, or there is no text
            without a label.
    """
    files = {model: out_of_fold / f"{model}.parquet" for model in params.models}
    logits = {model: _read(model, path, rows) for model, path in files.items()}
    sources = {
        model: Source(predictions_sha256=file_digest(path), checkpoint_md5=None) for model, path in files.items()
    }
    sample = Sample([TRAIN], rows.true[TRAIN], rows.groups[TRAIN], logits)
    rule = fit_rule(sample, rows.train_rows, settings, sources)
    if params.tau is not None:
        rule = rule.model_copy(update={"tau": params.tau})
    with replacing_folder(folder) as target:
        scores = apply(rule, logits).scores.astype(np.float32)
        write_out_of_fold(target / LOGITS_FILE, list(rows.row_ids[TRAIN]), scores)
        write_rule(target, RULE, rule)
        if unlabeled is not None:
            _write_unlabeled(unlabeled, rule, target)
        record = {"models": list(params.models), "folds": {model: read_folds(path) for model, path in files.items()}}
        write_json(target / RECORD_FILE, record | {"tau": rule.tau, "temperature": rule.temperature})
    return rule


def _write_unlabeled(inputs: UnlabeledInputs, rule: DecisionRule, folder: Path) -> None:
    """Write the texts without labels, and the scores of the rule on them."""
    texts = read_parquet(inputs.texts)
    if not len(texts):
        raise UserError(
            f"teacher.unlabeled is true, but {inputs.texts} has no text ({inputs.texts.parent}/counts.json says why); "
            "name a file with texts in unlabeled.path, or set it to false"
        )
    classes = len(rule.log_prior)
    logits = {
        model: read_unlabeled_logits(inputs.logits / f"{model}.parquet", texts, classes) for model in rule.weights
    }
    write_parquet(folder / TEXTS_FILE, UNLABELED_SCHEMA, [texts])
    write_unlabeled(folder / UNLABELED_FILE, texts["row_id"].to_pylist(), apply(rule, logits).scores.astype(np.float32))


def _read(model: str, path: Path, rows: Rows) -> np.ndarray:
    """Return the out-of-fold logits of a teacher, float32 [rows, classes]."""
    found = read_out_of_fold(path) if path.is_file() else None
    if found is None:
        key = "baseline.folds" if model == REFERENCE else f"models.{model}.cross_fit.folds"
        raise UserError(
            f"teacher.models names {model!r}, which has no logits of the training rows out of fold ({path}); set {key} "
            "in params.yaml to 2 or more"
        )
    return aligned(path, {TRAIN: found}, {TRAIN: rows.row_ids[TRAIN]}, rows.classes)[TRAIN]
