"""The training loop: forward, loss, backward, step, validate, checkpoint."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from tqdm.auto import tqdm

from complaints.batches import Examples, epoch_batches, inference_batches, inputs_of
from complaints.checkpoints import Checkpoints, Progress
from complaints.classifier import is_head
from complaints.errors import UserError
from complaints.guards import Guard
from complaints.layers import depth_factors
from complaints.losses import Objective, make_objective
from complaints.metrics import accuracy, class_scores, macro_f1
from complaints.params import ModelParams
from complaints.sampling import draw_rows
from complaints.schedules import learning_rate_factor

INFERENCE_ROWS = 64


@dataclass(frozen=True)
class Data:
    """What a model is trained and validated on, the id that fills up short rows, and the number of classes."""

    train: Examples
    validation: Examples
    pad_id: int
    classes: int


def step_seed(seed: int, epoch: int, batch: int) -> int:
    """Return the seed of the draws (dropout) made at one step, a pure function of its place in the run."""
    return int(np.random.SeedSequence([seed, epoch, batch]).generate_state(1, np.uint64)[0] >> 1)


def make_optimizer(model: nn.Module, params: ModelParams) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) with a learning rate for the head and one for the encoder.

    Matrices decay; biases and norms (tensors of one dimension) do not. The encoder's rate may fall from layer to layer.
    """
    factors = depth_factors(model, params.layer_decay)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = params.head_learning_rate if is_head(name) else params.learning_rate * factors[name]
            groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "peak_lr": rate, "weight_decay": params.weight_decay if decays else 0.0}
            for (rate, decays), parameters in groups.items()
        ],
        fused=True,
    )


@torch.inference_mode()
def infer(
    accelerator: Accelerator, forward: Callable[..., torch.Tensor], examples: Examples, pad_id: int, what: str
) -> np.ndarray:
    """Return `forward` of every row in order, float32 [rows, width]; the model is left in evaluation mode by callers.

    Args:
        accelerator: Decides device and precision.
        forward: Takes what `inputs_of` gives for the rows, and gives [rows, width].
        examples: The rows.
        pad_id: Id that fills up short rows.
        what: Name for the progress bar.
    """
    result: np.ndarray | None = None
    for rows in tqdm(inference_batches(examples.lengths, INFERENCE_ROWS), desc=what, leave=False, disable=None):
        with accelerator.autocast():
            output = forward(**inputs_of(examples, rows, pad_id, accelerator.device))
        if result is None:
            result = np.empty((len(examples), output.shape[1]), dtype=np.float32)
        result[rows] = output.float().cpu().numpy()
    if result is None:
        raise UserError(f"no rows for {what}")
    return result


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


def _set_rates(optimizer: Any, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def _stop_at(fault: str | None, checkpoints: Checkpoints) -> None:
    if fault:
        raise UserError(f"{fault}; the states before it stay in {checkpoints.folder}")


def _train_step(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: Any,
    objective: Objective,
    inputs: dict[str, torch.Tensor],
    labels: torch.Tensor,
    max_norm: float,
) -> tuple[float, float | None]:
    """Do one step of descent; return the loss and the norm of the gradients before clipping, None if not finite."""
    loss = objective(model(**inputs).float(), labels) / objective.total(labels)
    accelerator.backward(loss)
    norm = float(accelerator.clip_grad_norm_(model.parameters(), max_norm))
    optimizer.step()
    optimizer.zero_grad()
    return loss.item(), norm if math.isfinite(norm) else None


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

    Epoch 0 is the model before any step, so that a good start is never lost to bad training. What happens at a step
    depends on the weights, the optimizer and the step's number alone: batches and dropout are drawn from
    (seed, epoch, batch). A run that is killed and started again therefore ends with the same bytes.

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
    prepared = accelerator.prepare(model)
    peak = params.head_learning_rate if params.trains_head_alone else params.learning_rate
    lengths = data.train.lengths
    steps = params.epochs * math.ceil(len(lengths) / params.batch_size)
    progress = checkpoints.resume(model, optimizer, accelerator.scaler)
    if progress is None:
        start(objective)
        progress = Progress()
        _close_epoch(progress, validate(accelerator, prepared, data), checkpoints, model, guard)
        on_epoch(progress)
    bar = tqdm(total=steps, initial=progress.step, desc="train", unit="step", disable=None)
    while progress.epoch < params.epochs and progress.epoch - progress.best_epoch < params.patience:
        drawn = draw_rows(data.train.labels, params.sampling, params.seed, progress.epoch)
        batches = epoch_batches(lengths, params.batch_size, params.seed, progress.epoch, drawn)
        model.train()
        for number in range(progress.batch, len(batches)):
            torch.manual_seed(step_seed(params.seed, progress.epoch, number))
            factor = learning_rate_factor(progress.step, steps, params.warmup_fraction, params.schedule)
            _set_rates(optimizer, factor)
            inputs = inputs_of(data.train, batches[number], data.pad_id, accelerator.device)
            labels = torch.from_numpy(data.train.labels[batches[number]]).to(accelerator.device)
            loss, norm = _train_step(accelerator, prepared, optimizer, objective, inputs, labels, params.max_grad_norm)
            progress.step += 1
            progress.batch = number + 1
            row: dict[str, Any] = {"step": progress.step, "epoch": progress.epoch + 1, "loss": loss}
            row |= {"learning_rate": peak * factor, "gradient_norm": norm}
            progress.steps.append(row)
            _stop_at(guard.step_fault(progress.steps), checkpoints)
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            due = progress.step % params.checkpoint_steps == 0 and progress.batch < len(batches)
            if due and guard.is_sound(progress.steps):
                checkpoints.save(progress, model, optimizer, accelerator.scaler)
        progress.epoch += 1
        progress.batch = 0
        _close_epoch(progress, validate(accelerator, prepared, data), checkpoints, model, guard)
        if guard.is_sound(progress.steps):
            checkpoints.save(progress, model, optimizer, accelerator.scaler)
        on_epoch(progress)
    bar.close()
    checkpoints.load_best(model)
    model.eval()
    return progress


def _close_epoch(
    progress: Progress, scores: dict[str, float], checkpoints: Checkpoints, model: nn.Module, guard: Guard
) -> None:
    """Record an epoch's validation, and its weights when they are the best so far."""
    losses = [row["loss"] for row in progress.steps if row["epoch"] == progress.epoch]
    progress.epochs.append(
        {
            "epoch": progress.epoch,
            "step": progress.step,
            "train_loss": float(np.mean(losses)) if losses else None,
            **{f"validation_{name}": value for name, value in scores.items()},
        }
    )
    _stop_at(guard.validation_fault(progress.epoch, scores["loss"]), checkpoints)
    if scores["macro_f1"] > progress.best_score:
        progress.best_score, progress.best_epoch = scores["macro_f1"], progress.epoch
        checkpoints.keep_best(model)
