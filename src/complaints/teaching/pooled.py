"""Teacher of one student: its models' out-of-fold log-probabilities, weighted, calibrated and adjusted."""

from pathlib import Path

import numpy as np

from complaints.core.errors import UserError
from complaints.core.files import file_digest, replacing_folder, write_json
from complaints.deciding.fit import Sample, fit_rule
from complaints.deciding.inputs import Rows
from complaints.deciding.params import DecideParams
from complaints.deciding.row_names import REFERENCE
from complaints.deciding.rule import DecisionRule, Source, apply, write_rule
from complaints.scoring.alignment import aligned
from complaints.scoring.predictions import read_folds, read_out_of_fold, write_out_of_fold
from complaints.teaching.params import TeacherParams

LOGITS_FILE = "train.parquet"
RULE = "rule"
RECORD_FILE = "teacher.json"
TRAIN = "train"


def write_no_teacher(folder: Path) -> None:
    """Write the folder of an entry without teachers: a record that names none."""
    with replacing_folder(folder) as target:
        write_json(target / RECORD_FILE, {"models": []})


def write_teacher(
    params: TeacherParams, rows: Rows, out_of_fold: Path, settings: DecideParams, folder: Path
) -> DecisionRule:
    """Write the logits of the teacher on the training rows, its decision rule and its record.

    Weights and temperature are fitted as those of every decision rule, on the training rows: each of them has logits of
    models that were not trained on its cluster. A student learns the class frequencies of its teacher along with all
    else, so they are taken out of the logits first: calibrated log-probabilities minus tau x log prior.

    Args:
        params: The teachers and tau.
        rows: The rows of train.
        out_of_fold: Folder of the out-of-fold predictions.
        settings: The objective and the candidates of decision rules.
        folder: Folder to write: LOGITS_FILE, the rule and RECORD_FILE.

    Returns:
        The decision rule.

    Raises:
        UserError: if a teacher has no out-of-fold logits, or its file is broken or has other rows.
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
        record = {"models": list(params.models), "folds": {model: read_folds(path) for model, path in files.items()}}
        write_json(target / RECORD_FILE, record | {"tau": rule.tau, "temperature": rule.temperature})
    return rule


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
