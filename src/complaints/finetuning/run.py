"""Fine-tuning of one model, from its tokens to its checkpoint, predictions and history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.backbones.tokens import TokenSet, read_clusters
from complaints.core.csv_files import write_csv
from complaints.core.files import file_digest, read_json, replacing_folder, write_json, writing
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.engine.checkpoints import Progress
from complaints.engine.device import one_line_device_errors
from complaints.engine.setup import ARITHMETIC, set_up
from complaints.finetuning import trainable
from complaints.finetuning.fit import Inputs, fit, read_material
from complaints.finetuning.params import ModelParams
from complaints.modeling import classifier
from complaints.scoring.predictions import write_predictions
from complaints.subsets.fractions import nested_fraction
from complaints.subsets.row_ids import describe_rows

RECORDED = (
    "backbone_sha256",
    "weights_sha256",
    "data",
    "pooling",
    "packed",
    *ARITHMETIC,
)
"""Keys of the run config that training.json repeats."""

STEP_COLUMNS = ("step", "epoch", "loss", "learning_rate", "gradient_norm")
EPOCH_COLUMNS = ("epoch", "step", "train_loss", "validation_loss", "validation_accuracy", "validation_macro_f1")


@dataclass(frozen=True)
class Outputs:
    """The output files of fine-tuning."""

    model: Path
    """Folder of the checkpoint."""
    predictions: Path
    history: Path
    """Folder of steps.csv and epochs.csv."""


def _write_history(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Write rows with these keys as CSV; None becomes an empty field."""
    write_csv(path, columns, ([row[column] for column in columns] for row in rows))


@dataclass(frozen=True)
class Trained:
    """A trained classifier and the record of its training."""

    model: classifier.Classifier
    tokenizer: Any
    adapter: trainable.Adapter | None
    record: dict[str, Any]
    progress: Progress

    def write(self, outputs: Outputs, row_ids: dict[str, list[str]], logits: dict[str, np.ndarray]) -> None:
        """Write checkpoint, predictions and history."""
        with writing("a result"):
            with replacing_folder(outputs.model) as target:
                params = self.record["params"]
                settings = classifier.InferenceSettings(
                    self.record["pooling"], params["max_length"], params["truncation"], self.record["precision"]
                )
                classifier.save(self.model, self.tokenizer, target, settings)
                if self.adapter is not None:
                    self.adapter.save(target / trainable.ADAPTER_FOLDER)
                write_json(target / "training.json", self.record)
            write_predictions(outputs.predictions, row_ids, logits, outputs.model)
            _write_history(outputs.history / "steps.csv", STEP_COLUMNS, self.progress.steps)
            _write_history(outputs.history / "epochs.csv", EPOCH_COLUMNS, self.progress.epochs)


def training_rows(tokens: Path, labels: np.ndarray, params: ModelParams) -> np.ndarray:
    """Return the indices of the rows to train on, int64: a nested fraction of the split, by the model's seed."""
    if params.finetune.train_fraction == 1:
        return np.arange(len(labels))
    return nested_fraction(read_clusters(tokens), labels, params.finetune.train_fraction, params.seed)


def _data_record(inputs: Inputs, splits: Mapping[str, TokenSet], rows: np.ndarray) -> dict[str, Any]:
    """Return the identity of the data in training.json: a checkpoint that was copied away says what it was made from.

    Args:
        inputs: The files that were read.
        splits: The tokens by split.
        rows: Indices of the training rows, int64.
    """
    meta = read_json(inputs.tokens / "meta.json")
    row_ids = {split: splits[split].row_ids for split in SPLITS}
    row_ids["train"] = [row_ids["train"][row] for row in rows]
    return {
        "labels_sha256": file_digest(inputs.labels),
        "rows": describe_rows(row_ids),
        "splits_sha256": {split: meta["splits"][split]["sha256"] for split in SPLITS},
        "tokenizer_sha256": meta["tokenizer_sha256"],
    }


@one_line_device_errors(
    "raise finetune.accumulation (smaller micro-batches, same step), or lower finetune.batch_tokens or max_length"
)
def finetune(
    params: ModelParams, inputs: Inputs, outputs: Outputs, scratch: Path, on_epoch: Callable[[Progress], None]
) -> Trained:
    """Train one model and write its checkpoint, predictions and history.

    Of distributed processes rank 0 writes and reports.

    Args:
        params: The model's entry in params.yaml.
        inputs: The files to read.
        outputs: The files to write.
        scratch: Folder of checkpoints; those of the run are removed after all outputs are complete.
        on_epoch: Called on rank 0 after each epoch.

    Returns:
        The classifier with the record in training.json and the progress at the end.

    Raises:
        UserError: if the backbone cannot be loaded, the tokens come from another tokenizer, training diverges, or
            memory or the disk is full.
    """
    setup = set_up(params, inputs.tokens, Path(params.weights))
    material = read_material(params, inputs, setup.tokenizer)
    rows = training_rows(inputs.tokens / "train.parquet", material.splits["train"].labels, params)
    fitted = fit(setup, params, material, rows, scratch, on_epoch)
    logits = {split: fitted.logits(material.examples[split], split) for split in HELD_OUT}
    record = {
        "backbone": params.backbone,
        **{key: fitted.config[key] for key in RECORDED},
        **_data_record(inputs, material.splits, rows),
        "classes": len(material.labels),
        "train_rows": len(rows),
        **({} if material.unlabeled is None else {"unlabeled": material.unlabeled.record()}),
        "best_epoch": fitted.progress.best_epoch,
        "epochs": fitted.progress.epochs,
        "parameters": fitted.parameters,
        "params": fitted.config["params"],
    }
    trained = Trained(fitted.model, setup.tokenizer, fitted.adapter, record, fitted.progress)
    if setup.accelerator.is_main_process:
        trained.write(outputs, {split: material.splits[split].row_ids for split in HELD_OUT}, logits)
        fitted.checkpoints.discard()
    return trained
