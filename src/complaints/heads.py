"""A linear head on its own: where it starts, and how it is trained while the encoder stays as it is."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from complaints import tokens
from complaints.checkpoints import Checkpoints, Progress
from complaints.classifier import LinearClassifier
from complaints.features import Features
from complaints.params import ModelParams
from complaints.probe import start_from_probe
from complaints.training import Data, close_epoch, infer, learning_rate_factor, scores_of

NAME_SCALE = 20.0
"""Logit of a text that lies exactly where a class's name does: the scale that sentence-transformers trains with."""


def start_from_names(
    model: LinearClassifier, accelerator: Accelerator, tokenizer: Any, names: list[str], max_length: int
) -> None:
    """Set the head to the embeddings of the class names, so that a text's logits are about NAME_SCALE x their cosine.

    Rows are normalised, then divided by the names' mean length, which stands for the length of texts' embeddings; a
    class without a training complaint thereby starts as well as any other. Biases are zero.
    """
    ids = tokens.encode(tokenizer, names, max_length)["input_ids"]
    rows = tokens.TokenSet(
        row_ids=names,
        ids=np.concatenate([np.asarray(row, dtype=np.int64) for row in ids]),
        offsets=np.cumsum([0] + [len(row) for row in ids]),
        labels=np.zeros(len(names), dtype=np.int64),
    )
    model.eval()
    features = infer(accelerator, model.features, rows, tokenizer.pad_token_id, "class names")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    weight = NAME_SCALE * features / lengths / lengths.mean()
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(weight))
        model.head.bias.zero_()


def start_head(
    model: Any,
    params: ModelParams,
    features: Features,
    labels: np.ndarray,
    accelerator: Accelerator,
    tokenizer: Any,
    names: list[str],
) -> None:
    """Give a head the start that `head_start` names; a random one it has already.

    Args:
        model: A linear classifier, or any with a random start.
        params: The model's entry in params.yaml.
        features: Of the encoder as it is now.
        labels: Class ids of the training rows, int64 [rows].
        accelerator: Decides device and precision.
        tokenizer: The encoder's.
        names: The class names, by id.
    """
    if params.head_start == "probe":
        start_from_probe(model.head, features.read("train", len(labels)), labels, params.probe_c)
    elif params.head_start == "names":
        start_from_names(model, accelerator, tokenizer, names, params.max_length)


@torch.inference_mode()
def logits_of(head: Any, features: np.ndarray) -> np.ndarray:
    """Return logits, float32 [rows, classes]."""
    return head(torch.from_numpy(np.array(features))).numpy()


def balanced_rows(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Draw as many rows as there are, with replacement: first a class, all alike, then one of its rows.

    The draw depends on the arguments alone.

    Args:
        labels: Class ids, int [rows]; classes without a row are never drawn.
        seed: Seed of the run.
        epoch: Number of the epoch.
    """
    random = np.random.Generator(np.random.Philox([seed, epoch]))
    by_class = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    drawn = random.integers(len(counts), size=len(labels))
    return by_class[starts[drawn] + random.integers(counts[drawn])]


def train_head(
    model: Any,
    features: Features,
    data: Data,
    params: ModelParams,
    checkpoints: Checkpoints,
    start: Callable[[], None],
    on_epoch: Callable[[Progress], None],
) -> Progress:
    """Train a head on features of an encoder that stays as it is, and leave it at its best epoch.

    With `train: frozen` the head's start, the probe, is the result: epoch 0. With `train: head` complaints are then
    drawn evenly from all classes (classifier re-training, Kang et al. 2020, "Decoupling Representation and Classifier
    for Long-Tailed Recognition"). It takes seconds, so it is not resumed but begun again.

    Args:
        model: A linear classifier; its head is moved to the processor.
        features: Of the encoder.
        data: The splits' labels.
        params: The model's entry in params.yaml.
        checkpoints: Keeps the best head.
        start: Gives the head its start.
        on_epoch: Called after each validation.
    """
    start()
    head = model.head.cpu()
    labels = data.train.labels
    train, validation = (features.read(s, len(t)) for s, t in (("train", data.train), ("validation", data.validation)))
    steps_per_epoch = math.ceil(len(labels) / params.batch_size)
    epochs = params.epochs if params.train == "head" else 0
    optimizer = torch.optim.AdamW(head.parameters(), params.head_learning_rate, weight_decay=params.weight_decay)
    total = max(1, epochs * steps_per_epoch)
    schedule = LambdaLR(optimizer, lambda step: learning_rate_factor(step, total, params.warmup_fraction))
    progress = Progress()
    while True:
        close_epoch(progress, scores_of(logits_of(head, validation), data.validation.labels), checkpoints, head)
        on_epoch(progress)
        if progress.epoch == epochs or progress.epoch - progress.best_epoch >= params.patience:
            break
        rows = balanced_rows(labels, params.seed, progress.epoch)
        for batch in np.array_split(rows, steps_per_epoch):
            logits = head(torch.from_numpy(train[batch]))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels[batch]))
            loss.backward()
            norm = nn.utils.clip_grad_norm_(head.parameters(), params.max_grad_norm)
            progress.step += 1
            row = {"step": progress.step, "epoch": progress.epoch + 1, "loss": loss.item()}
            progress.steps.append(row | {"learning_rate": schedule.get_last_lr()[0], "gradient_norm": float(norm)})
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        progress.epoch += 1
    checkpoints.load_best(head)
    return progress
