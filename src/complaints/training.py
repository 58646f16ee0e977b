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

from complaints.batches import epoch_batches, inference_batches, padded
from complaints.checkpoints import Checkpoints, Progress
from complaints.classifier import Classifier, is_head
from complaints.errors import UserError
from complaints.metrics import accuracy, class_scores, macro_f1
from complaints.params import ModelParams
from complaints.tokens import TokenSet

INFERENCE_ROWS = 64


@dataclass(frozen=True)
class Data:
    """What a model is trained and validated on, and the id that fills up short rows."""

    train: TokenSet
    validation: TokenSet
    pad_id: int


def learning_rate_factor(step: int, steps: int, warmup_fraction: float) -> float:
    """Return the share of the peak learning rate at `step`: a linear climb, then a linear fall to zero."""
    warmup = math.ceil(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)


def step_seed(seed: int, epoch: int, batch: int) -> int:
    """Return the seed of the draws (dropout) made at one step, a pure function of its place in the run."""
    return int(np.random.SeedSequence([seed, epoch, batch]).generate_state(1, np.uint64)[0] >> 1)


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


@torch.inference_mode()
def infer(
    accelerator: Accelerator, forward: Callable[..., torch.Tensor], tokens: TokenSet, pad_id: int, what: str
) -> np.ndarray:
    """Return `forward` of every row in order, float32 [rows, width]; the model is left in evaluation mode by callers.

    Args:
        accelerator: Decides device and precision.
        forward: Takes `input_ids` and `attention_mask`, gives [rows, width].
        tokens: The rows.
        pad_id: Id that fills up short rows.
        what: Name for the progress bar.
    """
    result: np.ndarray | None = None
    for rows in tqdm(inference_batches(tokens.lengths, INFERENCE_ROWS), desc=what, leave=False, disable=None):
        with accelerator.autocast():
            output = forward(**padded(tokens, rows, pad_id, accelerator.device))
        if result is None:
            result = np.empty((len(tokens), output.shape[1]), dtype=np.float32)
        result[rows] = output.float().cpu().numpy()
    if result is None:
        raise UserError(f"no rows for {what}")
    return result


def scores_of(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return loss, accuracy and macro-F1 of logits [rows, classes] against class ids [rows]."""
    predicted = logits.argmax(1)
    return {
        "loss": nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(truth)).item(),
        "accuracy": accuracy(truth, predicted),
        "macro_f1": macro_f1(class_scores(truth, predicted, logits.shape[1])),
    }


def validate(accelerator: Accelerator, model: nn.Module, data: Data) -> dict[str, float]:
    """Return loss, accuracy and macro-F1 on the validation split."""
    model.eval()
    return scores_of(infer(accelerator, model, data.validation, data.pad_id, "validate"), data.validation.labels)


def _set_rates(optimizer: Any, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def _check_loss(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {loss} at step {step}; lower learning_rate or head_learning_rate, or set precision: fp32"
        )


def _train_step(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: Any,
    inputs: dict[str, torch.Tensor],
    labels: torch.Tensor,
    max_norm: float,
) -> tuple[float, float]:
    """Do one step of descent; return the loss and the norm of the gradients before clipping."""
    logits = model(**inputs)
    loss = nn.functional.cross_entropy(logits.float(), labels)
    accelerator.backward(loss)
    norm = accelerator.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item(), float(norm)


def train(
    accelerator: Accelerator,
    model: Classifier,
    data: Data,
    params: ModelParams,
    checkpoints: Checkpoints,
    start: Callable[[], None],
    on_epoch: Callable[[Progress], None],
) -> Progress:
    """Fine-tune `model` in place and leave it at its best epoch, by validation macro-F1.

    Epoch 0 is the model before any step, so that a good start is never lost to bad training. What happens at a step
    depends on the weights, the optimizer and the step's number alone: batches and dropout are drawn from
    (seed, epoch, batch). A run that is killed and started again therefore ends with the same bytes.

    Args:
        accelerator: Decides device and precision.
        model: The classifier, moved to the device.
        data: Tokens of train and validation.
        params: The model's entry in params.yaml.
        checkpoints: Where states are kept.
        start: Gives the head its start; called when there is no state to resume from.
        on_epoch: Called after each validation.

    Raises:
        UserError: if the loss is no finite number.
    """
    model.to(accelerator.device)
    optimizer = accelerator.prepare(make_optimizer(model, params))
    prepared = accelerator.prepare(model)
    lengths = data.train.lengths
    steps = params.epochs * math.ceil(len(lengths) / params.batch_size)
    progress = checkpoints.resume(model, optimizer, accelerator.scaler)
    if progress is None:
        start()
        progress = Progress()
        close_epoch(progress, validate(accelerator, prepared, data), checkpoints, model)
        on_epoch(progress)
    bar = tqdm(total=steps, initial=progress.step, desc="train", unit="step", disable=None)
    while progress.epoch < params.epochs and progress.epoch - progress.best_epoch < params.patience:
        batches = epoch_batches(lengths, params.batch_size, params.seed, progress.epoch)
        model.train()
        for number in range(progress.batch, len(batches)):
            torch.manual_seed(step_seed(params.seed, progress.epoch, number))
            factor = learning_rate_factor(progress.step, steps, params.warmup_fraction)
            _set_rates(optimizer, factor)
            inputs = padded(data.train, batches[number], data.pad_id, accelerator.device)
            labels = torch.from_numpy(data.train.labels[batches[number]]).to(accelerator.device)
            loss, norm = _train_step(accelerator, prepared, optimizer, inputs, labels, params.max_grad_norm)
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
        close_epoch(progress, validate(accelerator, prepared, data), checkpoints, model)
        checkpoints.save(progress, model, optimizer, accelerator.scaler)
        on_epoch(progress)
    bar.close()
    checkpoints.load_best(model)
    model.eval()
    return progress


def close_epoch(progress: Progress, scores: dict[str, float], checkpoints: Checkpoints, model: nn.Module) -> None:
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
