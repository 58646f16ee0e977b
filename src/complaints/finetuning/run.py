"""Fine-tuning of one model, from its tokens to its checkpoint, predictions and history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from complaints.backbones.pretrained import resolve_pooling
from complaints.backbones.tokens import TokenSet, read_clusters, read_tokens
from complaints.core.csv_files import write_csv
from complaints.core.files import file_digest, read_json, replacing_folder, write_json, writing
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.engine import loop
from complaints.engine.batches import Examples, FeatureSet
from complaints.engine.checkpoints import Checkpoints, Progress, json_digest
from complaints.engine.device import one_line_device_errors
from complaints.engine.divergence import DivergenceCheck
from complaints.engine.inference import infer
from complaints.engine.setup import ARITHMETIC, Setup, run_config, set_up
from complaints.features.store import Features
from complaints.finetuning import trainable
from complaints.finetuning.batching import count_steps
from complaints.finetuning.head_init import HeadOnly, HeadSources, initialise_head
from complaints.finetuning.losses import Objective, make_objective
from complaints.finetuning.optimizer import divergence_advice, make_optimizer
from complaints.finetuning.params import ModelParams
from complaints.finetuning.task import ClassificationTask, Data
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.modeling.dropout import draw_masks_in_bulk
from complaints.scoring.predictions import write_predictions
from complaints.subsets.fractions import nested_fraction
from complaints.subsets.row_ids import describe_rows

VERSIONED = ("accelerate", "numpy", "peft", "safetensors", "scikit-learn", "tokenizers", "torch", "transformers")
CODE = ("backbones", "core", "engine", "features", "finetuning", "modeling", "scoring", "subsets")
"""Packages whose code decides the result of a training."""
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
class Inputs:
    """The input files of fine-tuning, besides the backbone and its initial weights."""

    tokens: Path
    """Folder with the tokens by split, and meta.json."""
    features: Path
    """Folder with the features by split; without arrays for entries that need none."""
    labels: Path
    """JSON list of the class names, in the order of their ids."""


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
                pooling, precision = self.record["pooling"], self.record["precision"]
                max_length = self.record["params"]["max_length"]
                classifier.save(self.model, self.tokenizer, target, pooling, max_length, precision)
                if self.adapter is not None:
                    self.adapter.save(target / trainable.ADAPTER_FOLDER)
                write_json(target / "training.json", self.record)
            write_predictions(outputs.predictions, row_ids, logits, outputs.model)
            _write_history(outputs.history / "steps.csv", STEP_COLUMNS, self.progress.steps)
            _write_history(outputs.history / "epochs.csv", EPOCH_COLUMNS, self.progress.epochs)


def _settings(params: ModelParams) -> loop.LoopSettings:
    recipe, optimizer = params.finetune, params.finetune.optimizer
    head_only = params.trains_head_only
    return loop.LoopSettings(
        seed=params.seed,
        # A frozen model's head is the linear probe of epoch 0.
        epochs=0 if recipe.train == "frozen" else recipe.epochs,
        patience=recipe.patience,
        accumulation=recipe.accumulation,
        peak_learning_rate=optimizer.head_learning_rate if head_only else optimizer.learning_rate,
        warmup_fraction=optimizer.warmup_fraction,
        schedule=optimizer.schedule,
        max_grad_norm=optimizer.max_grad_norm,
        checkpoint_steps=recipe.checkpoint_steps,
        # A random head may by chance have a higher macro-F1 than the first epochs, but it is never a useful result.
        initial_counts=params.head.start != "random",
    )


def make_training(
    accelerator: Accelerator,
    model: nn.Module,
    data: Data,
    params: ModelParams,
    objective: Objective,
    checkpoints: Checkpoints,
) -> loop.Training:
    """Return the fine-tuning of a model, ready for `loop.train`.

    Args:
        accelerator: The link to device, precision and the other processes.
        model: A classifier of tokens, or a head of features, on the device.
        data: The training and validation rows.
        params: The model's entry.
        objective: The training loss.
        checkpoints: The checkpoints of the run.
    """
    recipe = params.finetune
    return loop.Training(
        accelerator=accelerator,
        model=model,
        optimizer=accelerator.prepare(make_optimizer(model, recipe.optimizer)),
        task=ClassificationTask(accelerator, model, data, recipe, params.seed, objective),
        settings=_settings(params),
        check=DivergenceCheck(objective.uniform_loss(), divergence_advice(recipe), accelerator.scaler is not None),
        checkpoints=checkpoints,
        steps=count_steps(data.train, recipe, params.seed, data.packed),
    )


def _feature_sets(features: Features, splits: Mapping[str, TokenSet]) -> Mapping[str, Examples]:
    return {split: FeatureSet(features.read(split, len(rows)), rows.labels) for split, rows in splits.items()}


def _training_rows(tokens: Path, labels: np.ndarray, params: ModelParams) -> np.ndarray:
    """Return the indices of the rows to train on, int64: a nested fraction of the split, by the model's seed."""
    if params.finetune.train_fraction == 1:
        return np.arange(len(labels))
    return nested_fraction(read_clusters(tokens), labels, params.finetune.train_fraction, params.seed)


def _prepare_model(
    setup: Setup, params: ModelParams, labels: list[str]
) -> tuple[classifier.Classifier, Any, dict[str, Any]]:
    """Return the classifier on its device, its form with adapters (None without), and its part of the run config."""
    recipe = params.finetune
    pooling = resolve_pooling(params.head.pooling, setup.backbone, setup.initial)
    model = classifier.build(setup.initial, params.head.kind, pooling, labels).to(setup.accelerator.device)
    packed = prepare_attention(model.encoder, recipe.packing, recipe.compile, setup.precision)
    adapted = trainable.choose_trainable(model, recipe)
    if setup.accelerator.device.type == "cpu" and not recipe.compile:
        draw_masks_in_bulk(model)
    return model, adapted, {"pooling": pooling, "packed": packed, "labels": labels}


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
    accelerator, tokenizer, recipe = setup.accelerator, setup.tokenizer, params.finetune
    labels: list[str] = read_json(inputs.labels)
    set_seed(params.seed)
    model, adapted, model_config = _prepare_model(setup, params, labels)
    parameters = trainable.count_parameters(model)
    read = [inputs.features / f"{split}.npy" for split in params.feature_splits]
    data_files = [*inputs.tokens.glob("*.parquet"), *read]
    config = run_config(setup, params, data_files, VERSIONED, CODE) | model_config
    first = accelerator.is_main_process
    checkpoints = Checkpoints(scratch, json_digest(config), writes=first)

    splits = {split: read_tokens(inputs.tokens / f"{split}.parquet") for split in SPLITS}
    features = Features(inputs.features)
    examples = _feature_sets(features, splits) if params.trains_head_only else splits
    learner = HeadOnly(model) if params.trains_head_only else model
    rows = _training_rows(inputs.tokens / "train.parquet", splits["train"].labels, params)
    train = examples["train"] if recipe.train_fraction == 1 else examples["train"].take(rows)
    data = Data(train, examples["validation"], tokenizer.pad_token_id, len(labels), config["packed"])
    sources = HeadSources(features, splits["train"].labels, rows, tokenizer, labels, params.max_length)
    objective = make_objective(recipe, data.train.labels, data.classes, accelerator.device)
    training = make_training(accelerator, learner, data, params, objective, checkpoints)
    progress = loop.train(
        training,
        initialise=lambda: initialise_head(model, params.head, sources, accelerator, objective),
        on_epoch=on_epoch if first else None,
    )
    base = params.backbone if setup.initial == setup.backbone else params.weights
    adapter = trainable.merge_adapters(adapted, base) if adapted is not None else None
    logits = {split: infer(accelerator, learner, examples[split], data.pad_id, split) for split in HELD_OUT}
    record = {
        "backbone": params.backbone,
        **{key: config[key] for key in RECORDED},
        **_data_record(inputs, splits, rows),
        "classes": len(labels),
        "train_rows": len(data.train),
        "best_epoch": progress.best_epoch,
        "epochs": progress.epochs,
        "parameters": parameters,
        "params": config["params"],
    }
    trained = Trained(model, tokenizer, adapter, record, progress)
    if first:
        trained.write(outputs, {split: splits[split].row_ids for split in HELD_OUT}, logits)
        checkpoints.discard()
    return trained
