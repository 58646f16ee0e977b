"""One fine-tuned model from its tokens to its folder: what the `finetune` stage does."""

import csv
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from complaints.backbones import pretrained, tokens
from complaints.backbones.resolve import Backbone, folder_digest, resolve
from complaints.backbones.tokenizer import check_tokenizer, load_tokenizer
from complaints.backbones.tokens import TokenSet
from complaints.core.files import file_digest, read_json, replacing_file, replacing_folder, write_json, writing
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.engine import distributed
from complaints.engine.batches import Examples, FeatureSet
from complaints.engine.checkpoints import Checkpoints, Progress, code_digest, fingerprint
from complaints.engine.device import describe_device, device_name, explaining, resolve_precision
from complaints.engine.inference import infer
from complaints.features.embed import Features
from complaints.finetuning import divergence, head_init, trainable
from complaints.finetuning.loop import Data, train
from complaints.finetuning.losses import Objective
from complaints.finetuning.params import ModelParams
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.scoring.predictions import write_predictions

VERSIONED = ("accelerate", "numpy", "peft", "safetensors", "scikit-learn", "tokenizers", "torch", "transformers")
RECORDED = ("backbone_sha256", "weights_sha256", "pooling", "device", "precision", "packed", "processes", "versions")
CODE = ("backbones", "core", "engine", "features", "finetuning", "modeling", "pretraining", "scoring")
"""Packages whose code decides the result of a training."""

Report = Callable[[Progress], None]

STEP_COLUMNS = ("step", "epoch", "loss", "learning_rate", "gradient_norm")
EPOCH_COLUMNS = ("epoch", "step", "train_loss", "validation_loss", "validation_accuracy", "validation_macro_f1")


def write_rows(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Write dictionaries with these keys as CSV, atomically; None becomes an empty field."""
    with replacing_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _identity(
    name: str, params: ModelParams, backbone: Backbone, begin: Backbone, accelerator: Accelerator, packed: bool
) -> dict[str, Any]:
    """Describe everything that the result depends on; a run is resumed where all of it is the same."""
    device = device_name()
    data = [*Path("data/tokens", name).glob("*.parquet"), *Path("data/features", name).glob("*.npy")]
    return {
        "params": asdict(params),
        "backbone_sha256": backbone.digest,
        "weights_sha256": folder_digest(begin.folder),
        "pooling": pretrained.resolve_pooling(params.pooling, backbone, begin),
        "data": {file.name: file_digest(file) for file in sorted(data)},
        "labels": read_json("data/interim/labels.json"),
        "device": describe_device(device),
        "precision": resolve_precision(params.precision, device),
        "packed": packed,
        "processes": accelerator.num_processes,
        "versions": {package: version(package) for package in VERSIONED},
        "code": code_digest(CODE),
    }


def _write(
    name: str,
    model: classifier.Classifier,
    tokenizer: Any,
    adapter: trainable.Adapter | None,
    record: dict[str, Any],
    progress: Progress,
    row_ids: dict[str, list[str]],
    logits: dict[str, np.ndarray],
) -> None:
    """Write all that a training leaves behind."""
    with writing("a result"):
        with replacing_folder(Path("models") / name) as target:
            classifier.save(model, tokenizer, target, record["pooling"], record["params"]["max_length"])
            if adapter is not None:
                adapter.save(target / trainable.ADAPTER_FOLDER)
            write_json(target / "training.json", record)
        write_predictions(Path("predictions") / f"{name}.parquet", row_ids, logits)
        write_rows(Path("reports/training") / name / "steps.csv", STEP_COLUMNS, progress.steps)
        write_rows(Path("reports/training") / name / "epochs.csv", EPOCH_COLUMNS, progress.epochs)


def _silent(progress: Progress) -> None:
    """Report nothing: the first process does."""


@explaining("raise accumulation (the same step in smaller pieces), or lower batch_tokens or max_length")
def finetune(name: str, params: ModelParams, scratch: Path, on_epoch: Report) -> dict[str, Any]:
    """Train the model `name` and write its folder, predictions and history.

    Reads data/tokens/<name>/, data/features/<name>/, data/interim/labels.json and the folder that `weights` names;
    writes models/<name>/, predictions/<name>.parquet and reports/training/<name>/{steps,epochs}.csv, relative to the
    working directory. Checkpoints are kept under `scratch` until all of these are complete. Of several processes that
    train together the first one writes and reports.

    Returns:
        The record that stands in models/<name>/training.json.

    Raises:
        UserError: if the backbone cannot be loaded, the tokens are not its own, training diverges, or memory or
            the disk is full.
    """
    device = device_name()
    precision = resolve_precision(params.precision, device)
    accelerator = distributed.make_accelerator(device, precision)
    backbone = resolve(params.backbone)
    begin = pretrained.starting_weights(params.weights, backbone)
    tokenizer = load_tokenizer(backbone.folder)
    folder = Path("data/tokens") / name
    check_tokenizer(folder / "meta.json", tokenizer)
    labels: list[str] = read_json("data/interim/labels.json")
    set_seed(params.seed)
    pooling = pretrained.resolve_pooling(params.pooling, backbone, begin)
    model = classifier.build(begin, params.head, pooling, labels).to(accelerator.device)
    packed = prepare_attention(model.encoder, params.packing, params.compile, precision)
    adapted = trainable.choose_trained(model, params)
    parameters = trainable.count_parameters(model)
    identity = _identity(name, params, backbone, begin, accelerator, packed)
    first = accelerator.is_main_process
    checkpoints = Checkpoints(scratch / "finetune" / name, fingerprint(identity), writes=first)
    for warning in divergence.unusual_rates(params.train, params) if first else ():
        print(f"warning: models.{name}.{warning}", file=sys.stderr)

    splits: dict[str, TokenSet] = {split: tokens.read_tokens(folder / f"{split}.parquet") for split in SPLITS}
    features = Features(Path("data/features") / name)
    examples: Mapping[str, Examples] = splits
    learner: nn.Module = model
    if params.trains_head_alone:
        examples = {split: FeatureSet(features.read(split, len(rows)), rows.labels) for split, rows in splits.items()}
        learner = head_init.HeadAlone(model)

    def start(objective: Objective) -> None:
        head_init.start_head(model, params, features, splits["train"].labels, accelerator, tokenizer, labels, objective)

    data = Data(examples["train"], examples["validation"], tokenizer.pad_token_id, len(labels), packed)
    # A frozen model's head is the probe: epoch 0.
    recipe = replace(params, epochs=0) if params.train == "frozen" else params
    progress = train(accelerator, learner, data, recipe, checkpoints, start, on_epoch if first else _silent)
    base = params.backbone if begin == backbone else params.weights
    adapter = trainable.merge_adapters(adapted, base) if adapted is not None else None
    logits = {s: infer(accelerator, learner, examples[s], data.pad_id, f"predict {s}") for s in HELD_OUT}
    record = {
        "backbone": params.backbone,
        **{key: identity[key] for key in RECORDED},
        "tokenizer_sha256": read_json(folder / "meta.json")["tokenizer_sha256"],
        "classes": len(labels),
        "train_rows": len(data.train),
        "best_epoch": progress.best_epoch,
        "epochs": progress.epochs,
        "parameters": parameters,
        "params": asdict(params),
    }
    if first:
        row_ids = {split: splits[split].row_ids for split in HELD_OUT}
        _write(name, model, tokenizer, adapter, record, progress, row_ids, logits)
        checkpoints.discard()
    return record
