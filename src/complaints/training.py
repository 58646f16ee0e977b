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

from complaints.batches import inference_batches, padded
from complaints.budgets import WIDTH_MULTIPLE, batch_weight, draw_batches
from complaints.checkpoints import Checkpoints, Progress
from complaints.classifier import Classifier, LinearClassifier, is_head
from complaints.errors import UserError
from complaints.metrics import accuracy, class_scores, macro_f1
from complaints.params import ModelParams
from complaints.probe import start_head
from complaints.processes import fill_rows, pieces, share_batches
from complaints.tokens import TokenSet

INFERENCE_ROWS = 64


@dataclass(frozen=True)
class Data:
    """What a model is trained and validated on, the id that fills up short rows, and whether the model skips them."""

    train: TokenSet
    validation: TokenSet
    pad_id: int
    packed: bool = False


def learning_rate_factor(step: int, steps: int, warmup_fraction: float) -> float:
    """Return the share of the peak learning rate at `step`: a linear climb, then a linear fall to zero."""
    warmup = math.ceil(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)


def step_seed(seed: int, epoch: int, batch: int, piece: int = 0) -> int:
    """Return the seed of the draws (dropout) made for one piece of a step, a pure function of its place in the run."""
    return int(np.random.SeedSequence([seed, epoch, batch, piece]).generate_state(1, np.uint64)[0] >> 1)


def make_optimizer(model: nn.Module, params: ModelParams) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) with a learning rate for the head and one for the encoder.

    Matrices decay; biases and norms (tensors of one dimension) do not.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((is_head(name), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak_lr": params.head_learning_rate if head else params.learning_rate,
                "weight_decay": params.weight_decay if decays else 0.0,
            }
            for (head, decays), parameters in groups.items()
        ],
        fused=True,
    )


def _hidden(accelerator: Accelerator) -> bool | None:
    """Return what tells tqdm to draw a bar on the first process's terminal alone."""
    return None if accelerator.is_main_process else True


@torch.inference_mode()
def infer(
    accelerator: Accelerator, forward: Callable[..., torch.Tensor], tokens: TokenSet, pad_id: int, what: str
) -> np.ndarray:
    """Return `forward` of every row in order, float32 [rows, width]; the model is left in evaluation mode by callers.

    Several processes share the rows, and each returns all.

    Args:
        accelerator: Decides device and precision.
        forward: Takes `input_ids` and `attention_mask`, gives [rows, width].
        tokens: The rows.
        pad_id: Id that fills up short rows.
        what: Name for the progress bar.
    """
    result: np.ndarray | None = None
    batches = share_batches(accelerator, inference_batches(tokens.lengths, INFERENCE_ROWS))
    for rows in tqdm(batches, desc=what, leave=False, disable=_hidden(accelerator)):
        with accelerator.autocast():
            output = forward(**padded(tokens, rows, pad_id, accelerator.device))
        if result is None:
            result = np.empty((len(tokens), output.shape[1]), dtype=np.float32)
        result[rows] = output.float().cpu().numpy()
    if result is None:
        raise UserError(f"no rows for {what}")
    fill_rows(accelerator, result, batches)
    return result


def validate(accelerator: Accelerator, model: nn.Module, data: Data) -> dict[str, float]:
    """Return loss, accuracy and macro-F1 on the validation split."""
    model.eval()
    logits = torch.from_numpy(infer(accelerator, model, data.validation, data.pad_id, "validate"))
    truth = data.validation.labels
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(truth)).item()
    predicted = logits.argmax(1).numpy()
    return {
        "loss": loss,
        "accuracy": accuracy(truth, predicted),
        "macro_f1": macro_f1(class_scores(truth, predicted, logits.shape[1])),
    }


def _start(accelerator: Accelerator, model: Classifier, data: Data, params: ModelParams) -> None:
    """Give the head its start."""
    if params.head_start == "probe" and isinstance(model, LinearClassifier):
        model.eval()
        features = infer(accelerator, model.features, data.train, data.pad_id, "features for the probe")
        if accelerator.is_main_process:
            start_head(model.head, features, data.train.labels, params.probe_c)


def _set_rates(optimizer: Any, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def _check_loss(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {loss} at step {step}; lower learning_rate or head_learning_rate, or set precision: fp32"
        )


@dataclass(frozen=True)
class Part:
    """What one process computes of a step at one go."""

    inputs: dict[str, torch.Tensor]
    labels: torch.Tensor
    weight: float
    """Factor of its rows' losses, whose sum over all parts is the loss of the step."""
    seed: int
    """Of its dropout."""


def _parts(
    accelerator: Accelerator, data: Data, params: ModelParams, epoch: int, batches: list[np.ndarray], number: int
) -> list[Part]:
    """Return this process's parts of a step."""
    process, processes = accelerator.process_index, accelerator.num_processes
    weight = batch_weight(batches, number, params) / len(batches[number])
    multiple = 1 if params.batch_tokens is None and not params.compile else WIDTH_MULTIPLE
    return [
        Part(
            padded(data.train, piece.rows, data.pad_id, accelerator.device, multiple),
            torch.from_numpy(data.train.labels[piece.rows]).to(accelerator.device),
            weight if piece.counts else 0.0,
            step_seed(params.seed, epoch, number, piece.number),
        )
        for piece in pieces(batches[number], process, processes, params.accumulation)
    ]


def _train_step(
    accelerator: Accelerator, model: nn.Module, optimizer: Any, parts: list[Part], max_norm: float
) -> tuple[float, float]:
    """Do one step of descent; return the loss and the norm of the gradients before clipping."""
    total = torch.zeros((), device=accelerator.device)
    for part in parts:
        torch.manual_seed(part.seed)
        # Gradients are added up here, and between processes once, with the last part.
        with accelerator.no_sync(model) if part is not parts[-1] else nullcontext():
            logits = model(**part.inputs)
            loss = nn.functional.cross_entropy(logits.float(), part.labels, reduction="sum") * part.weight
            # Between processes gradients are averaged; the step is their sum.
            accelerator.backward(loss * accelerator.num_processes)
        total += loss.detach()
    norm = accelerator.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    optimizer.zero_grad()
    return accelerator.reduce(total, "sum").item(), float(norm)


def train(
    accelerator: Accelerator,
    model: Classifier,
    data: Data,
    params: ModelParams,
    checkpoints: Checkpoints,
    on_epoch: Callable[[Progress], None],
) -> Progress:
    """Fine-tune `model` in place and leave it at its best epoch, by validation macro-F1.

    Epoch 0 is the model before any step, so that a good start is never lost to bad training. What happens at a step
    depends on the weights, the optimizer and the step's number alone: batches and dropout are drawn from
    (seed, epoch, batch). A run that is killed and started again therefore ends with the same bytes.

    Several processes each compute their part of every step and hold the same weights; one writes.

    Args:
        accelerator: Decides device and precision.
        model: The classifier, moved to the device.
        data: Tokens of train and validation.
        params: The model's entry in params.yaml.
        checkpoints: Where states are kept.
        on_epoch: Called after each validation.

    Raises:
        UserError: if the loss is no finite number.
    """
    model.to(accelerator.device)
    optimizer = accelerator.prepare(make_optimizer(model, params))
    lengths = data.train.lengths
    steps = sum(len(draw_batches(lengths, params, epoch, data.packed)) for epoch in range(params.epochs))
    progress = checkpoints.resume(model, optimizer, accelerator.scaler)
    resumed = progress is not None
    if not resumed:
        _start(accelerator, model, data, params)
    # Other processes take the weights of the first one here.
    prepared = accelerator.prepare(model)
    progress = progress or Progress()
    if not resumed:
        _close_epoch(progress, validate(accelerator, model, data), checkpoints, model)
        on_epoch(progress)
    bar = tqdm(total=steps, initial=progress.step, desc="train", unit="step", disable=_hidden(accelerator))
    while progress.epoch < params.epochs and progress.epoch - progress.best_epoch < params.patience:
        batches = draw_batches(lengths, params, progress.epoch, data.packed)
        model.train()
        for number in range(progress.batch, len(batches)):
            factor = learning_rate_factor(progress.step, steps, params.warmup_fraction)
            _set_rates(optimizer, factor)
            parts = _parts(accelerator, data, params, progress.epoch, batches, number)
            loss, norm = _train_step(accelerator, prepared, optimizer, parts, params.max_grad_norm)
            loss /= batch_weight(batches, number, params)
            progress.step += 1
            progress.batch = number + 1
            _check_loss(loss, progress.step)
            row = {"step": progress.step, "epoch": progress.epoch + 1, "loss": loss}
            progress.steps.append(row | {"learning_rate": params.learning_rate * factor, "gradient_norm": norm})
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if progress.step % params.checkpoint_steps == 0 and progress.batch < len(batches):
                checkpoints.save(progress, model, optimizer, accelerator.scaler)
        progress.epoch += 1
        progress.batch = 0
        _close_epoch(progress, validate(accelerator, model, data), checkpoints, model)
        checkpoints.save(progress, model, optimizer, accelerator.scaler)
        on_epoch(progress)
    bar.close()
    accelerator.wait_for_everyone()
    checkpoints.load_best(model)
    model.eval()
    return progress


def _close_epoch(progress: Progress, scores: dict[str, float], checkpoints: Checkpoints, model: nn.Module) -> None:
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
    if scores["macro_f1"] > progress.best_score:
        progress.best_score, progress.best_epoch = scores["macro_f1"], progress.epoch
        checkpoints.keep_best(model)
