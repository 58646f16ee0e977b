"""Training of one classifier on some rows of the training split, for the stages finetune and cross_fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from complaints.backbones.pretrained import resolve_pooling
from complaints.backbones.tokens import TokenSet, read_tokens
from complaints.core.files import file_digest, read_json
from complaints.core.schema import SPLITS
from complaints.engine import loop
from complaints.engine.averaging import AverageSettings, WeightAverage
from complaints.engine.batches import Examples, FeatureSet
from complaints.engine.checkpoints import Checkpoints, Progress, json_digest
from complaints.engine.divergence import DivergenceCheck
from complaints.engine.inference import infer
from complaints.engine.setup import Setup, run_config
from complaints.features.store import Features
from complaints.finetuning import trainable
from complaints.finetuning.batching import count_steps
from complaints.finetuning.distillation import Distillation
from complaints.finetuning.head_init import HeadOnly, HeadSources, initialise_head
from complaints.finetuning.losses import Objective, make_objective
from complaints.finetuning.optimizer import divergence_advice, make_optimizer
from complaints.finetuning.params import ModelParams
from complaints.finetuning.task import ClassificationTask, Data
from complaints.finetuning.unlabeled import TaughtTexts, read_taught
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.modeling.dropout import draw_masks_in_bulk
from complaints.teaching.folder import LOGITS_FILE, read_teacher

VERSIONED = ("accelerate", "numpy", "peft", "safetensors", "scikit-learn", "tokenizers", "torch", "transformers")
CODE = ("backbones", "core", "engine", "features", "finetuning", "modeling", "scoring", "subsets", "teaching")
"""Packages whose code decides the result of a training."""


@dataclass(frozen=True)
class Inputs:
    """The input files of a training, besides the backbone and its initial weights."""

    tokens: Path
    """Folder with the tokens by split, and meta.json."""
    features: Path
    """Folder with the features by split; without arrays for entries that need none."""
    labels: Path
    """JSON list of the class names, in the order of their ids."""
    teacher: Path | None = None
    """Folder of the teacher's logits; it is read if the entry has teachers."""


@dataclass(frozen=True)
class Material:
    """The rows of all splits, as a training reads them."""

    labels: list[str]
    """The class names, by id."""
    splits: Mapping[str, TokenSet]
    features: Features
    examples: Mapping[str, Examples]
    """Tokens or features by split, whatever the entry trains on."""
    teacher: np.ndarray | None
    """Logits of the teacher on all rows of the training split, float32 [rows, classes]; None without one."""
    files: Mapping[str, str]
    """Digests of the files, for the run config."""
    unlabeled: TaughtTexts | None = None
    """The texts without labels that join the training rows, None without any."""


def read_material(params: ModelParams, inputs: Inputs, tokenizer: Any) -> Material:
    """Return the content of the input files.

    Args:
        params: The model's entry.
        inputs: The files.
        tokenizer: The backbone's tokenizer, for texts without labels.

    Raises:
        UserError: if a file is missing or broken, or the teacher's logits are of other rows.
    """
    labels: list[str] = read_json(inputs.labels)
    splits = {split: read_tokens(inputs.tokens / f"{split}.parquet") for split in SPLITS}
    features = Features(inputs.features)
    files = [*inputs.tokens.glob("*.parquet"), *(inputs.features / f"{split}.npy" for split in params.feature_splits)]
    digests = {file.name: file_digest(file) for file in sorted(files)}
    teacher = unlabeled = None
    if params.teacher.models and inputs.teacher is not None:
        teacher = read_teacher(inputs.teacher, splits["train"].row_ids, len(labels))
        digests["teacher"] = file_digest(inputs.teacher / LOGITS_FILE)
        if params.teacher.unlabeled:
            unlabeled = read_taught(inputs.teacher, len(labels), tokenizer, params)
            digests |= unlabeled.files
    examples = _feature_sets(features, splits) if params.trains_head_only else splits
    return Material(labels, splits, features, examples, teacher, digests, unlabeled)


def _feature_sets(features: Features, splits: Mapping[str, TokenSet]) -> Mapping[str, Examples]:
    return {split: FeatureSet(features.read(split, len(rows)), rows.labels) for split, rows in splits.items()}


@dataclass(frozen=True)
class Fitted:
    """A trained classifier at its best epoch."""

    setup: Setup
    model: classifier.Classifier
    adapter: trainable.Adapter | None
    learner: nn.Module
    """The classifier, or its head alone where that was trained on features."""
    config: dict[str, Any]
    """The run config."""
    parameters: dict[str, int]
    progress: Progress
    checkpoints: Checkpoints

    def logits(self, examples: Examples, title: str) -> np.ndarray:
        """Return the logits of some rows, float32 [rows, classes]."""
        return infer(self.setup.accelerator, self.learner, examples, self.setup.tokenizer.pad_token_id, title)

    def logits_of_texts(self, tokens: TokenSet, title: str) -> np.ndarray:
        """Return the logits of texts that have no features, by the complete model, float32 [texts, classes]."""
        self.model.eval()
        return infer(self.setup.accelerator, self.model, tokens, self.setup.tokenizer.pad_token_id, title)


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
    average = None
    if recipe.average.kind != "none":
        settings = AverageSettings(recipe.average.kind, recipe.average.decay, recipe.average.last)
        average = WeightAverage(model, settings)
    return loop.Training(
        accelerator=accelerator,
        model=model,
        optimizer=accelerator.prepare(make_optimizer(model, recipe.optimizer)),
        task=ClassificationTask(accelerator, model, data, recipe, params.seed, objective),
        settings=_settings(params),
        check=DivergenceCheck(objective.uniform_loss(), divergence_advice(recipe), accelerator.scaler is not None),
        checkpoints=checkpoints,
        steps=count_steps(data.train, recipe, params.seed, data.packed),
        average=average,
    )


def _prepare_model(
    setup: Setup, params: ModelParams, labels: list[str]
) -> tuple[classifier.Classifier, Any, dict[str, Any]]:
    """Return the classifier on its device, its form with adapters (None without), and its part of the run config."""
    recipe = params.finetune
    pooling = resolve_pooling(params.head.pooling, setup.backbone, setup.initial)
    model = classifier.build(setup.initial, params.head.kind, pooling, labels, params.keep_layers).to(
        setup.accelerator.device
    )
    packed = prepare_attention(model.encoder, recipe.packing, recipe.compile, setup.precision)
    adapted = trainable.choose_trainable(model, recipe)
    if setup.accelerator.device.type == "cpu" and not recipe.compile:
        draw_masks_in_bulk(model)
    return model, adapted, {"pooling": pooling, "packed": packed, "labels": labels}


def _training_examples(material: Material, rows: np.ndarray) -> tuple[Examples, np.ndarray | None]:
    """Return some rows of train, then the texts without labels, and the teacher's logits of them, None without one."""
    everything = len(rows) == len(material.splits["train"])
    train = material.examples["train"] if everything else material.examples["train"].take(rows)
    teacher = None if material.teacher is None else material.teacher[rows]
    unlabeled = material.unlabeled
    if unlabeled is None or teacher is None or not isinstance(train, TokenSet):
        return train, teacher
    return train.followed_by(unlabeled.tokens), np.concatenate([teacher, unlabeled.teacher])


def fit(
    setup: Setup,
    params: ModelParams,
    material: Material,
    rows: np.ndarray,
    checkpoints: Path,
    on_epoch: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Train a classifier on some rows of the training split, and on the texts without labels of the material.

    A training that was interrupted resumes if everything that decides its result is the same, the rows included.

    Args:
        setup: The hardware and the pretrained model.
        params: The model's entry.
        material: The rows of all splits.
        rows: Indices of the rows to train on, int64.
        checkpoints: Folder of checkpoints, which the caller discards when the outputs are complete.
        on_epoch: Called on rank 0 after each epoch.

    Raises:
        UserError: if the model cannot be loaded or training diverges.
    """
    accelerator, tokenizer, labels = setup.accelerator, setup.tokenizer, material.labels
    set_seed(params.seed)
    model, adapted, model_config = _prepare_model(setup, params, labels)
    parameters = trainable.count_parameters(model)
    config = run_config(setup, params, [], VERSIONED, CODE) | model_config
    config |= {"data": dict(material.files), "rows": json_digest(rows.tolist())}
    kept = Checkpoints(checkpoints, json_digest(config), writes=accelerator.is_main_process)
    learner = HeadOnly(model) if params.trains_head_only else model
    train, teacher = _training_examples(material, rows)
    validation = material.examples["validation"]
    data = Data(train, validation, tokenizer.pad_token_id, len(labels), config["packed"], teacher)
    sources = HeadSources(
        material.features, material.splits["train"].labels, rows, tokenizer, labels, params.max_length
    )
    share = Distillation(params.teacher.alpha, params.teacher.temperature) if teacher is not None else None
    objective = make_objective(params.finetune, train.labels, len(labels), accelerator.device, share, teacher)
    progress = loop.train(
        make_training(accelerator, learner, data, params, objective, kept),
        initialise=lambda: initialise_head(model, params.head, sources, accelerator, objective),
        on_epoch=on_epoch if accelerator.is_main_process else None,
    )
    base = params.backbone if setup.initial == setup.backbone else params.weights
    adapter = trainable.merge_adapters(adapted, base) if adapted is not None else None
    return Fitted(setup, model, adapter, learner, config, parameters, progress, kept)
