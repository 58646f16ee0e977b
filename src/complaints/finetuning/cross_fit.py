"""Logits of the training rows out of fold: each by a model that was trained on other clusters of near duplicates."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.backbones.tokens import TokenSet, read_clusters
from complaints.core.files import file_digest, replacing_file, writing
from complaints.core.parquet import read_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.engine.checkpoints import json_digest
from complaints.engine.device import one_line_device_errors
from complaints.engine.setup import run_config, set_up
from complaints.features.embed import write_features
from complaints.finetuning.fit import CODE, VERSIONED, Inputs, Material, fit, read_material
from complaints.finetuning.params import CrossFitParams
from complaints.finetuning.run import training_rows
from complaints.finetuning.unlabeled import encode_unlabeled
from complaints.scoring.predictions import write_out_of_fold, write_unlabeled
from complaints.subsets.folds import assign_folds, choose_models


@dataclass(frozen=True)
class Unlabeled:
    """The files of texts without labels."""

    texts: Path
    """The texts, in UNLABELED_SCHEMA."""
    logits: Path
    """The predictions file to write."""


Report = Callable[[int, int], None]
"""Takes the number of finished folds, and the number of all."""


@one_line_device_errors(
    "raise finetune.accumulation (smaller micro-batches, same step), or lower finetune.batch_tokens or max_length"
)
def cross_fit(
    params: CrossFitParams,
    inputs: Inputs,
    output: Path,
    scratch: Path,
    report: Report,
    unlabeled: Unlabeled | None = None,
) -> None:
    """Train a model without each fold by the entry's own recipe, and write the logits of the rows of the folds.

    Each text without a label is predicted by the model of one fold (`subsets.folds.choose_models`).

    Folds consist of complete clusters of near duplicates. The logits of finished folds, and the checkpoints of the
    present one, are kept in `scratch` until the output is complete: a killed stage resumes at any step and ends with
    the same bytes. Of distributed processes rank 0 writes and reports.

    Args:
        params: The model's entry, with two folds or more.
        inputs: The files to read; the features are written first, if the recipe needs any.
        output: The predictions file to write.
        scratch: Folder of finished folds and checkpoints.
        report: Called on rank 0 after each fold.
        unlabeled: The texts without labels and their logits; None for none.

    Raises:
        UserError: as `run.finetune` does.
    """
    if params.feature_splits:
        write_features(params, inputs.tokens, inputs.features)
    setup = set_up(params, inputs.tokens, Path(params.weights))
    material = read_material(params, inputs, setup.tokenizer)
    tokens, labels, classes = inputs.tokens / "train.parquet", material.splits["train"].labels, len(material.labels)
    fold = assign_folds(read_clusters(tokens), labels, params.cross_fit.folds, params.seed)
    chosen, numbers = training_rows(tokens, labels, params), np.unique(fold)
    texts = _read_texts(unlabeled, setup.tokenizer, params, len(numbers))
    config = run_config(setup, params, [], VERSIONED, CODE) | {"data": {**material.files, **texts.files}}
    folder, first = scratch / json_digest(config)[:32], setup.accelerator.is_main_process
    logits = np.empty((len(labels), classes), np.float32)
    of_texts = np.empty((len(texts.tokens), classes), np.float32)
    for index, number in enumerate(numbers.tolist()):
        here, finished = np.flatnonzero(fold == number), folder / f"fold-{number}.npy"
        there = np.flatnonzero(texts.model == index)
        values = _read(finished, (len(here) + len(there), classes))
        if values is None:
            others = chosen[fold[chosen] != number]
            own = texts.tokens.take(there) if len(there) else None
            values = _of_fold(params, inputs, material, (others, here), folder / f"fold-{number}", own)
            if first:
                _write(finished, values)
        logits[here], of_texts[there] = np.split(values, [len(here)])
        if first:
            report(index + 1, len(numbers))
    if first:
        with writing("a result"):
            write_out_of_fold(output, material.splits["train"].row_ids, logits, params.cross_fit.folds)
            if unlabeled is not None:
                write_unlabeled(unlabeled.logits, texts.tokens.row_ids, of_texts)
        shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True)
class _Texts:
    """Texts without labels that the models of folds predict."""

    tokens: TokenSet
    model: np.ndarray
    """Index of the fold whose model predicts each text, int64 [texts]."""
    files: dict[str, str]
    """Digest of their file, for the run config; empty without any text."""


def _read_texts(unlabeled: Unlabeled | None, tokenizer: Any, params: CrossFitParams, models: int) -> _Texts:
    """Return the texts without labels."""
    table = UNLABELED_SCHEMA.empty_table() if unlabeled is None else read_parquet(unlabeled.texts)
    model = choose_models(table["text"].to_pylist(), models, params.seed)
    files = {"unlabeled": file_digest(unlabeled.texts)} if unlabeled is not None and len(table) else {}
    return _Texts(encode_unlabeled(table, tokenizer, params), model, files)


def _of_fold(
    params: CrossFitParams,
    inputs: Inputs,
    material: Material,
    rows: tuple[np.ndarray, np.ndarray],
    checkpoints: Path,
    texts: TokenSet | None = None,
) -> np.ndarray:
    """Return the logits of the rows of one fold, then those of texts without labels, float32 [rows, classes].

    Args:
        params: The model's entry.
        inputs: The files.
        material: Their content.
        rows: Indices of the rows to train on and of the rows to predict, int64.
        checkpoints: Folder of the checkpoints of this fold.
        texts: Texts to predict beside the rows of the fold, None for none.
    """
    others, here = rows
    # Every fold has its own link to the device: that of the fold before holds its model and its optimizer.
    setup = set_up(params, inputs.tokens, Path(params.weights))
    fitted = fit(setup, params, material, others, checkpoints)
    logits = fitted.logits(material.examples["train"].take(here), "fold")
    return logits if texts is None else np.concatenate([logits, fitted.logits_of_texts(texts, "texts without labels")])


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
