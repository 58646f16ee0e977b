"""Compression of one fine-tuned model: a folder, predictions and a line of the table for each format."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from complaints.backbones.checkpoint import read_settings
from complaints.backbones.model_files import CONFIG_FILE, TOKENIZER_FILES
from complaints.backbones.tokens import TokenSet, read_tokens
from complaints.compression.export import Batch, export, save
from complaints.compression.folder import ONNX_FILE, RECORD_FILE, Agreement, write_settings
from complaints.compression.layout import (
    LIST_FILE,
    PARENT,
    SENSITIVITY_FILE,
    SENSITIVITY_HEADER,
    TABLE_FILE,
    TABLE_HEADER,
    Inputs,
    Outputs,
)
from complaints.compression.params import CompressParams
from complaints.compression.processor import saturates, this_processor
from complaints.compression.quantize import Recipe, count_operators, count_quantized, count_weighted, quantize
from complaints.compression.runtime import need
from complaints.compression.sensitivity import sensitivity
from complaints.compression.session import TextSession
from complaints.core.csv_files import write_csv
from complaints.core.errors import UserError
from complaints.core.files import replacing_folder, write_json, writing
from complaints.core.schema import HELD_OUT
from complaints.engine.batches import padded
from complaints.engine.device import one_line_device_errors
from complaints.modeling import classifier
from complaints.scoring.predictions import read_predictions, write_predictions

PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch", "transformers")
EXAMPLE_ROWS = 8


@dataclass(frozen=True)
class Compressed:
    """A format in memory."""

    format: str
    model: Any
    """onnx.ModelProto."""
    logits: Mapping[str, np.ndarray]
    """By held-out split, float32 [rows, classes]."""
    agreement: Agreement


@one_line_device_errors("compress fewer formats at a time")
def compress(name: str, params: CompressParams, inputs: Inputs, outputs: Outputs) -> list[str]:
    """Write a model in each of its formats, with predictions of both held-out splits, and the tables.

    Args:
        name: The entry, for messages.
        params: Formats and gate.
        inputs: The files to read.
        outputs: The folders to replace.

    Returns:
        A sentence on each format.

    Raises:
        UserError: if a library is missing, the model cannot be exported or quantised, or too few labels of a format are
            the parent's; nothing is written then.
    """
    need("onnxruntime")
    checkpoint = classifier.load(inputs.model)
    rows = {split: read_tokens(inputs.tokens / f"{split}.parquet") for split in HELD_OUT}
    parent = read_predictions(inputs.predictions)
    pad_id, processor = checkpoint.tokenizer.pad_token_id, this_processor()
    original = export(checkpoint.model, _examples(rows["validation"], pad_id))
    results = []
    for file_format in params.formats:
        recipe = Recipe(file_format, params.per_channel, saturates(processor))
        model = original if file_format == "onnx" else quantize(original, recipe)
        session = TextSession(model.SerializeToString())
        logits = {split: session.infer(rows[split]) for split in HELD_OUT}
        agreement = agreement_of(rows["validation"].labels, logits["validation"], parent["validation"][1])
        check_agreement(name, file_format, agreement, params.min_agreement)
        results.append(Compressed(file_format, model, logits, agreement))
    lines = sensitivity(original, params, rows["validation"]) if params.sensitivity else []
    _write(params, inputs, outputs, original, results, {split: rows[split].row_ids for split in HELD_OUT})
    with replacing_folder(outputs.tables) as target:
        write_csv(target / TABLE_FILE, TABLE_HEADER, _table(inputs, original, results))
        write_csv(target / SENSITIVITY_FILE, SENSITIVITY_HEADER, lines)
    return [_sentence(name, result) for result in results]


def _examples(rows: TokenSet, pad_id: int) -> list[Batch]:
    """Return a padded batch of the first rows, and one of a single row."""
    batches = [np.arange(min(EXAMPLE_ROWS, len(rows))), np.arange(1)]
    found = [padded(rows, batch, pad_id, torch.device("cpu")) for batch in batches]
    return [(inputs["input_ids"].numpy(), inputs["attention_mask"].numpy()) for inputs in found]


def agreement_of(true: np.ndarray, logits: np.ndarray, parent: np.ndarray) -> Agreement:
    """Return the agreement of the labels of logits with those of the parent's logits, both [rows, classes]."""
    labels, expected = logits.argmax(axis=1), parent.argmax(axis=1)
    shares = [float(np.mean(one == other)) for one, other in ((labels, expected), (labels, true), (expected, true))]
    same, accuracy, parent_accuracy = (round(share, 6) for share in shares)
    return Agreement(rows=len(true), same_label=same, accuracy=accuracy, parent_accuracy=parent_accuracy)


def check_agreement(name: str, file_format: str, found: Agreement, wanted: float) -> None:
    """Check that enough labels are those of the parent.

    Raises:
        UserError: with the numbers, if not.
    """
    if found.same_label < wanted:
        raise UserError(
            f"models.{name}.compress: {file_format} has the label of {name} on {found.same_label:.1%} of the "
            f"{found.rows:,} validation rows, and min_agreement is {wanted:.1%} (accuracy {found.accuracy:.3f}, "
            f"that of {name} {found.parent_accuracy:.3f}); take {file_format} out of formats, or lower min_agreement"
        )


def _write(
    params: CompressParams,
    inputs: Inputs,
    outputs: Outputs,
    original: Any,
    results: Sequence[Compressed],
    row_ids: dict[str, list[str]],
) -> None:
    """Write the folders of the models, and then the predictions, which name the models' hashes."""
    with writing("a compressed model"):
        with replacing_folder(outputs.models) as target:
            write_json(target / LIST_FILE, list(params.formats))
            for result in results:
                _write_model(target / result.format, params, inputs.model, original, result)
        with replacing_folder(outputs.predictions) as target:
            write_json(target / LIST_FILE, list(params.formats))
            for result in results:
                file = target / f"{result.format}.parquet"
                write_predictions(file, row_ids, dict(result.logits), outputs.models / result.format)


def _write_model(folder: Path, params: CompressParams, parent: Path, original: Any, result: Compressed) -> None:
    """Write a folder that needs no other: the ONNX file, tokenizer, class names, record and settings."""
    folder.mkdir()
    save(result.model, folder / ONNX_FILE)
    for name in (CONFIG_FILE, *TOKENIZER_FILES, RECORD_FILE):
        if (parent / name).is_file():
            shutil.copyfile(parent / name, folder / name)
    processor, is_int8 = this_processor(), result.format == "int8"
    saved = read_settings(parent)
    settings = {
        "format": result.format,
        "max_length": saved.max_length,
        "truncation": saved.truncation,
        "parent_sha256": saved.files_sha256,
        "onnx_bytes": (folder / ONNX_FILE).stat().st_size,
        "operators_before": count_operators(original),
        "operators": count_operators(result.model),
        "weights": count_weighted(original),
        "quantized": count_quantized(result.model),
        "per_channel": params.per_channel if is_int8 else None,
        "reduce_range": saturates(processor) if is_int8 else None,
        "processor": processor.model_dump(),
        "versions": {package: version(package) for package in PACKAGES},
        "agreement": result.agreement.model_dump(),
    }
    write_settings(folder, settings)


def _table(inputs: Inputs, original: Any, results: Sequence[Compressed]) -> list[list[object]]:
    weights = sum(file.stat().st_size for file in inputs.model.glob("*.safetensors"))
    before = count_weighted(original)
    lines: list[list[object]] = [[PARENT, weights, before["products"], 0, before.get("tables", 0), 0, 1.0]]
    for result in results:
        found = count_quantized(result.model)
        counts = [number for kind in ("products", "tables") for number in (before.get(kind, 0), found.get(kind, 0))]
        lines.append([result.format, result.model.ByteSize(), *counts, result.agreement.same_label])
    return lines


def _sentence(name: str, result: Compressed) -> str:
    found, before = count_quantized(result.model), result.agreement
    note = (
        ", with weights of 7 bits: this processor has no VNNI"
        if result.format == "int8" and saturates(this_processor())
        else ""
    )
    return (
        f"{name}-{result.format}: {result.model.ByteSize() / 1e6:,.1f} MB, {found.get('products', 0)} products and "
        f"{found.get('tables', 0)} tables quantised{note}; the label of {name} on {before.same_label:.1%} of "
        f"{before.rows:,} validation rows, accuracy {before.accuracy:.3f} (that of {name} {before.parent_accuracy:.3f})"
    )
