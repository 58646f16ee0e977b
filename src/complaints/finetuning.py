"""One fine-tuned model from its tokens to its folder: what the `finetune` stage does."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed

from complaints import attention, backbones, classifier, hardware, processes, tokens
from complaints.checkpoints import Checkpoints, Progress, fingerprint
from complaints.files import file_digest, read_json, replacing_file, replacing_folder, write_json
from complaints.params import ModelParams
from complaints.predictions import write_predictions
from complaints.schema import HELD_OUT
from complaints.training import Data, infer, train

VERSIONED = ("accelerate", "numpy", "safetensors", "scikit-learn", "tokenizers", "torch", "transformers")
Report = Callable[[Progress], None]


STEP_COLUMNS = ("step", "epoch", "loss", "learning_rate", "gradient_norm")
EPOCH_COLUMNS = ("epoch", "step", "train_loss", "validation_loss", "validation_accuracy", "validation_macro_f1")


def write_rows(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Write dictionaries with these keys as CSV, atomically; None becomes an empty field."""
    with replacing_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _code_digest() -> str:
    """Return a digest of this package's modules: a run begun with other code must not be resumed."""
    return backbones.hash_files(sorted(Path(__file__).parent.glob("*.py")))


def _silent(progress: Progress) -> None:
    """Report nothing: the first process does."""


def finetune(name: str, params: ModelParams, scratch: Path, on_epoch: Report) -> dict[str, Any]:
    """Train the model `name` and write its folder, predictions and history.

    Reads data/tokens/<name>/ and data/interim/labels.json; writes models/<name>/, predictions/<name>.parquet and
    reports/training/<name>/{steps,epochs}.csv, relative to the working directory. Checkpoints are kept under `scratch`
    until all of these are complete. Of several processes that train together the first one writes and reports.

    Returns:
        The record that stands in models/<name>/training.json.

    Raises:
        UserError: if the backbone cannot be loaded, the tokens are not its own, or the loss diverges.
    """
    device = hardware.device_name()
    precision = hardware.resolve_precision(params.precision, device)
    accelerator = processes.make_accelerator(device, precision)
    backbone = backbones.resolve(params.backbone)
    tokenizer = tokens.load_tokenizer(backbone.folder)
    folder = Path("data/tokens") / name
    tokens.check_tokenizer(folder / "meta.json", tokenizer)
    labels = read_json("data/interim/labels.json")
    set_seed(params.seed)
    model = classifier.build(backbone, params.head, params.pooling, labels)
    kernel_runs = hardware.runs_varlen(device, precision)
    slow_half = device == "cpu" and precision == "bf16"
    packed = attention.prepare(model.encoder, params.packing, kernel_runs, params.compile, slow_half)
    inputs = {
        "params": asdict(params),
        "backbone_sha256": backbone.digest,
        "tokens": {file.name: file_digest(file) for file in sorted(folder.glob("*.parquet"))},
        "labels": labels,
        "device": hardware.describe_device(device),
        "precision": precision,
        "packed": packed,
        "processes": accelerator.num_processes,
        "versions": {package: version(package) for package in VERSIONED},
        "code": _code_digest(),
    }
    checkpoints = Checkpoints(scratch / "finetune" / name, fingerprint(inputs), writes=accelerator.is_main_process)

    pad_id = tokenizer.pad_token_id or 0
    held_out = {split: tokens.read_tokens(folder / f"{split}.parquet") for split in HELD_OUT}
    data = Data(tokens.read_tokens(folder / "train.parquet"), held_out["validation"], pad_id, packed)
    report = on_epoch if accelerator.is_main_process else _silent
    progress = train(accelerator, model, data, params, checkpoints, report)

    record = {
        "backbone": params.backbone,
        **{key: inputs[key] for key in ("backbone_sha256", "device", "precision", "packed", "processes", "versions")},
        "tokenizer_sha256": read_json(folder / "meta.json")["tokenizer_sha256"],
        "classes": len(labels),
        "train_rows": len(data.train),
        "best_epoch": progress.best_epoch,
        "epochs": progress.epochs,
        "parameters": {
            "total": sum(p.numel() for p in model.parameters()),
            "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        },
        "params": asdict(params),
    }
    logits = {s: infer(accelerator, model, held_out[s], pad_id, f"predict {s}") for s in HELD_OUT}
    if not accelerator.is_main_process:
        return record
    with replacing_folder(Path("models") / name) as target:
        classifier.save(model, tokenizer, target, params.pooling, params.max_length)
        write_json(target / "training.json", record)
    write_predictions(Path("predictions") / f"{name}.parquet", {s: held_out[s].row_ids for s in HELD_OUT}, logits)
    write_rows(Path("reports/training") / name / "steps.csv", STEP_COLUMNS, progress.steps)
    write_rows(Path("reports/training") / name / "epochs.csv", EPOCH_COLUMNS, progress.epochs)
    checkpoints.discard()
    return record
