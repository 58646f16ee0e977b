"""Run of the zero-shot methods on one sample: the answers of each, and the record of all."""

from pathlib import Path
from typing import Any

from complaints.core.files import replacing_folder, write_json
from complaints.scoring.zero_shot import RECORD_FILE, ZeroShotAnswers, write_answers
from complaints.zero_shot.answers import Answers
from complaints.zero_shot.params import ZeroShotParams
from complaints.zero_shot.sample import Sample

ANSWERS_FILE = "answers.jsonl"
"""Answers of endpoints of all runs, in the folder of the outputs."""


def write_nothing(output: Path) -> None:
    """Write the record of no method, and keep the answers of endpoints of earlier runs."""
    _write(output, {}, {"rows": 0, "methods": {}}, Answers(output / ANSWERS_FILE, output / ANSWERS_FILE))


def write_zero_shot(params: ZeroShotParams, sample: Sample, labels: list[str], output: Path, journal: Path) -> None:
    """Write the answers of each method that is on, the record, and the answers of endpoints.

    The endpoint comes first: it is what may stop.

    Args:
        params: The parameters of the stage.
        sample: The complaints.
        labels: The class names, by id.
        output: The folder to replace; the answers of endpoints in it are kept.
        journal: File of the answers of endpoints that are not in the output yet.

    Raises:
        UserError: as the methods do.
    """
    found: dict[str, ZeroShotAnswers] = {}
    record: dict[str, Any] = {}
    answers = Answers(output / ANSWERS_FILE, journal)
    if params.endpoint.url:
        from complaints.zero_shot.endpoint import label_by_endpoint

        label_ids, record["endpoint"] = label_by_endpoint(params.endpoint, sample.texts, labels, answers)
        found["endpoint"] = ZeroShotAnswers(sample.row_ids, label_ids, None)
    if params.names.backbone or params.likelihood.backbone:
        from complaints.zero_shot.local import score_locally

        for method, (logits, record[method]) in score_locally(params, sample.texts, labels).items():
            found[method] = ZeroShotAnswers(sample.row_ids, logits.argmax(axis=1), logits)
    facts = {"rows": len(sample.row_ids), "clusters": sample.clusters, "seed": params.seed, "methods": record}
    _write(output, found, facts, answers)


def _write(output: Path, found: dict[str, ZeroShotAnswers], record: dict[str, Any], answers: Answers) -> None:
    with replacing_folder(output) as folder:
        for method, of_method in found.items():
            write_answers(folder / f"{method}.parquet", of_method)
        write_json(folder / RECORD_FILE, record)
        if answers:
            answers.write(folder / ANSWERS_FILE)
