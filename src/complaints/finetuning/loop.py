"""The training loop: forward, loss, backward, step, validate, checkpoint."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from tqdm.auto import tqdm

from complaints.core.errors import UserError
from complaints.engine.batches import WIDTH_MULTIPLE, Examples, inputs_of, step_seed
from complaints.engine.checkpoints import Checkpoints, Progress
from complaints.engine.distributed import pieces
from complaints.engine.inference import hidden_bar, infer
from complaints.engine.schedules import learning_rate_factor
from complaints.finetuning.batching import count_steps, draw_batches, step_divisor
from complaints.finetuning.divergence import Guard
from complaints.finetuning.losses import Objective, make_objective
from complaints.finetuning.optimizer import make_optimizer
from complaints.finetuning.params import ModelParams
from complaints.scoring.metrics import accuracy, class_scores, macro_f1


@dataclass(frozen=True)
class Data:
    """What a model is trained and validated on."""

    train: Examples
    validation: Examples
    pad_id: int
    """Fills up short rows."""
    classes: int
    packed: bool = False
    """Whether the model skips padding."""


@dataclass(frozen=True)
class Run:
    """What stays the same from the first step of a run to the last."""

    accelerator: Accelerator
    model: nn.Module
    optimizer: Any
    data: Data
    params: ModelParams
    objective: Objective
    guard: Guard
    checkpoints: Checkpoints
    steps: int


@dataclass(frozen=True)
class Part:
    """What one process computes of a step at one go."""

    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor
    factor: float
    """Of the sum of its rows' losses; the loss of the step is the sum over all parts."""
    seed: int
    """Of its dropout."""


def validate(accelerator: Accelerator, model: nn.Module, data: Data) -> dict[str, float]:
    """Return loss, accuracy and macro-F1 on the validation split."""
    model.eval()
    logits = infer(accelerator, model, data.validation, data.pad_id, "validate")
    truth = data.validation.labels
    predicted = logits.argmax(1)
    return {
        "loss": nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(truth)).item(),
        "accuracy": accuracy(truth, predicted),
        "macro_f1": macro_f1(class_scores(truth, predicted, logits.shape[1])),
    }


def _parts(run: Run, rows: np.ndarray, divisor: float, place: tuple[int, int]) -> list[Part]:
    """Return this process's parts of the step on some rows; `place` is its epoch and its number in there."""
    accelerator, data, params = run.accelerator, run.data, run.params
    process, processes = accelerator.process_index, accelerator.num_processes
    multiple = 1 if params.batch_tokens is None and not params.compile else WIDTH_MULTIPLE
    return [
        Part(
            inputs_of(data.train, piece.rows, data.pad_id, accelerator.device, multiple),
            torch.from_numpy(data.train.labels[piece.rows]).to(accelerator.device),
            1 / divisor if piece.counts else 0.0,
            step_seed(params.seed, *place, piece.number),
        )
        for piece in pieces(rows, process, processes, params.accumulation)
    ]


def _train_step(run: Run, prepared: nn.Module, parts: list[Part]) -> tuple[float, float | None]:
    """Do one step of descent; return the loss and the norm of the gradients before clipping, None if not finite."""
    accelerator = run.accelerator
    total = torch.zeros((), device=accelerator.device)
    for part in parts:
        torch.manual_seed(part.seed)
        # Gradients are added up here, and between processes once, with the last part.
        with accelerator.no_sync(prepared) if part is not parts[-1] else nullcontext():
            loss = run.objective(prepared(**part.inputs).float(), part.labels) * part.factor
            # Between processes gradients are averaged; the step is their sum.
            accelerator.backward(loss * accelerator.num_processes)
        total += loss.detach()
    norm = float(accelerator.clip_grad_norm_(prepared.parameters(), run.params.max_grad_norm))
    run.optimizer.step()
    run.optimizer.zero_grad()
    return accelerator.reduce(total, "sum").item(), norm if math.isfinite(norm) else None


def _stop_at(fault: str | None, checkpoints: Checkpoints) -> None:
    if fault:
        raise UserError(f"{fault}; the states before it stay in {checkpoints.folder}")


def _save(run: Run, progress: Progress) -> None:
    if run.guard.is_sound(progress.steps):
        run.checkpoints.save(progress, run.model, run.optimizer, run.accelerator.scaler)


def _train_epoch(run: Run, prepared: nn.Module, progress: Progress, bar: Any) -> None:
    """Do the steps of an epoch that are left."""
    params, train = run.params, run.data.train
    peak = params.head_learning_rate if params.trains_head_alone else params.learning_rate
    batches = draw_batches(train, params, progress.epoch, run.data.packed)
    totals = run.objective.totals(train.labels, batches)
    run.model.train()
    for number in range(progress.batch, len(batches)):
        factor = learning_rate_factor(progress.step, run.steps, params.warmup_fraction, params.schedule)
        for group in run.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        divisor = step_divisor(totals, number, params)
        parts = _parts(run, batches[number], divisor, (progress.epoch, number))
        loss, norm = _train_step(run, prepared, parts)
        progress.step += 1
        progress.batch = number + 1
        loss *= divisor / totals[number]
        row: dict[str, Any] = {"step": progress.step, "epoch": progress.epoch + 1, "loss": loss}
        progress.steps.append(row | {"learning_rate": peak * factor, "gradient_norm": norm})
        _stop_at(run.guard.step_fault(progress.steps), run.checkpoints)
        bar.update()
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if progress.step % params.checkpoint_steps == 0 and progress.batch < len(batches):
            _save(run, progress)


def _close_epoch(run: Run, progress: Progress) -> None:
    """Validate and record it, and keep the weights when they are the best so far."""
    scores = validate(run.accelerator, run.model, run.data)
    losses = [row["loss"] for row in progress.steps if row["epoch"] == progress.epoch]
    progress.epochs.append(
        {
            "epoch": progress.epoch,
            "step": progress.step,
            "train_loss": float(np.mean(losses)) if losses else None,
            **{f"validation_{name}": value for name, value in scores.items()},
        }
    )
    _stop_at(run.guard.validation_fault(progress.epoch, scores["loss"]), run.checkpoints)
    # A random head is nothing to fall back on, though by chance it may name more classes than early training does.
    counts = progress.epoch > 0 or run.params.head_start != "random"
    if counts and scores["macro_f1"] > progress.best_score:
        progress.best_score, progress.best_epoch = scores["macro_f1"], progress.epoch
        run.checkpoints.keep_best(run.model)


def train(
    accelerator: Accelerator,
    model: nn.Module,
    data: Data,
    params: ModelParams,
    checkpoints: Checkpoints,
    start: Callable[[Objective], None],
    on_epoch: Callable[[Progress], None],
) -> Progress:
    """Fine-tune `model` in place and leave it at its best epoch, by validation macro-F1.

    Epoch 0 is the model before any step, so that a good start is never lost to bad training; a random head is no such
    start. What happens at a step depends on the weights, the optimizer and the step's number alone: batches and dropout
    are drawn from (seed, epoch, batch). A run that is killed and started again therefore ends with the same bytes.

    Several processes each compute their part of every step and hold the same weights; one writes.

    Args:
        accelerator: Decides device and precision.
        model: A classifier of tokens, or a head of features, moved to the device.
        data: Train and validation.
        params: The model's entry in params.yaml.
        checkpoints: Where states are kept.
        start: Gives the head its start for an objective; called when there is no state to resume from.
        on_epoch: Called after each validation.

    Raises:
        UserError: if training diverges; the checkpoints before stay where they are.
    """
    model.to(accelerator.device)
    objective = make_objective(params, data.train.labels, data.classes, accelerator.device)
    guard = Guard(params, objective.chance(), scaled=accelerator.scaler is not None)
    optimizer = accelerator.prepare(make_optimizer(model, params))
    steps = count_steps(data.train, params, data.packed)
    run = Run(accelerator, model, optimizer, data, params, objective, guard, checkpoints, steps)
    resumed = checkpoints.resume(model, optimizer, accelerator.scaler)
    if resumed is None:
        start(objective)
    # Other processes take the weights of the first one here.
    prepared = accelerator.prepare(model)
    progress = resumed or Progress()
    if resumed is None:
        _close_epoch(run, progress)
        on_epoch(progress)
    bar = tqdm(total=steps, initial=progress.step, desc="train", unit="step", disable=hidden_bar(accelerator))
    while progress.epoch < params.epochs and progress.epoch - progress.best_epoch < params.patience:
        _train_epoch(run, prepared, progress, bar)
        progress.epoch += 1
        progress.batch = 0
        _close_epoch(run, progress)
        _save(run, progress)
        on_epoch(progress)
    bar.close()
    accelerator.wait_for_everyone()
    checkpoints.load_best(model)
    model.eval()
    return progress
