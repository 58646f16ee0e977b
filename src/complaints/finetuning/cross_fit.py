"""Logits of the training rows out of fold: each by a model that was trained on other clusters of near duplicates."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from complaints.backbones.tokens import read_clusters
from complaints.core.files import replacing_file, writing
from complaints.engine.checkpoints import json_digest
from complaints.engine.device import one_line_device_errors
from complaints.engine.setup import run_config, set_up
from complaints.features.embed import write_features
from complaints.finetuning.fit import CODE, VERSIONED, Inputs, Material, fit, read_material
from complaints.finetuning.params import CrossFitParams
from complaints.finetuning.run import training_rows
from complaints.scoring.predictions import write_out_of_fold
from complaints.subsets.folds import assign_folds

Report = Callable[[int, int], None]
"""Takes the number of finished folds, and the number of all."""


@one_line_device_errors(
    "raise finetune.accumulation (smaller micro-batches, same step), or lower finetune.batch_tokens or max_length"
)
def cross_fit(params: CrossFitParams, inputs: Inputs, output: Path, scratch: Path, report: Report) -> None:
    """Train a model without each fold by the entry's own recipe, and write the logits of the rows of the folds.

    Folds consist of complete clusters of near duplicates. The logits of finished folds, and the checkpoints of the
    present one, are kept in `scratch` until the output is complete: a killed stage resumes at any step and ends with
    the same bytes. Of distributed processes rank 0 writes and reports.

    Args:
        params: The model's entry, with two folds or more.
        inputs: The files to read; the features are written first, if the recipe needs any.
        output: The predictions file to write.
        scratch: Folder of finished folds and checkpoints.
        report: Called on rank 0 after each fold.

    Raises:
        UserError: as `run.finetune` does.
    """
    if params.feature_splits:
        write_features(params, inputs.tokens, inputs.features)
    material = read_material(params, inputs)
    tokens, labels = inputs.tokens / "train.parquet", material.splits["train"].labels
    fold = assign_folds(read_clusters(tokens), labels, params.cross_fit.folds, params.seed)
    chosen = training_rows(tokens, labels, params)
    setup = set_up(params, inputs.tokens, Path(params.weights))
    config = run_config(setup, params, [], VERSIONED, CODE) | {"data": dict(material.files)}
    folder, first = scratch / json_digest(config)[:32], setup.accelerator.is_main_process
    logits = np.empty((len(labels), len(material.labels)), np.float32)
    numbers = np.unique(fold).tolist()
    for count, number in enumerate(numbers, 1):
        here, finished = np.flatnonzero(fold == number), folder / f"fold-{number}.npy"
        values = _read(finished, (len(here), len(material.labels)))
        if values is None:
            others = chosen[fold[chosen] != number]
            values = _of_fold(params, inputs, material, (others, here), folder / f"fold-{number}")
            if first:
                _write(finished, values)
        logits[here] = values
        if first:
            report(count, len(numbers))
    if first:
        with writing("a result"):
            write_out_of_fold(output, material.splits["train"].row_ids, logits, params.cross_fit.folds)
        shutil.rmtree(scratch, ignore_errors=True)


def _of_fold(
    params: CrossFitParams, inputs: Inputs, material: Material, rows: tuple[np.ndarray, np.ndarray], checkpoints: Path
) -> np.ndarray:
    """Return the logits of the rows of one fold, float32 [rows, classes].

    Args:
        params: The model's entry.
        inputs: The files.
        material: Their content.
        rows: Indices of the rows to train on and of the rows to predict, int64.
        checkpoints: Folder of the checkpoints of this fold.
    """
    others, here = rows
    # Every fold has its own link to the device: that of the fold before holds its model and its optimizer.
    setup = set_up(params, inputs.tokens, Path(params.weights))
    fitted = fit(setup, params, material, others, checkpoints)
    return fitted.logits(material.examples["train"].take(here), "fold")


def _write(path: Path, logits: np.ndarray) -> None:
    """Keep the logits of a finished fold, and remove its checkpoints."""
    with writing("a fold"), replacing_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, logits)
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Return the logits of a finished fold; None where there are none, or a damaged file."""
    try:
        logits: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return logits if logits.shape == shape else None
