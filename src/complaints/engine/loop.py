"""The training loop of fine-tuning and pretraining: forward, loss, backward, step, validation, checkpoint."""

import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from tqdm.auto import tqdm

from complaints.core.errors import UserError
from complaints.engine.averaging import WeightAverage
from complaints.engine.batches import step_seed
from complaints.engine.checkpoints import Checkpoints, Progress
from complaints.engine.distributed import micro_batches
from complaints.engine.divergence import DivergenceCheck
from complaints.engine.inference import hidden_bar
from complaints.engine.schedules import learning_rate_factor


class Batch(Protocol):
    """The rows of one step."""

    @property
    def normaliser(self) -> float:
        """The loss normaliser: the step's loss is the sum of the losses divided by this."""

    @property
    def weight(self) -> float:
        """The total weight of the rows: the loss in the history is the sum of the losses divided by this."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def select(self, positions: np.ndarray) -> tuple[dict[str, torch.Tensor], Any]:
        """Return the model's arguments and the targets of `Task.loss` for the rows at these positions in the batch."""


class EpochBatches(Protocol):
    """The batches of one epoch, built one at a time."""

    def __len__(self) -> int:
        """Return the number of batches."""

    def __getitem__(self, index: int) -> Batch:
        """Return a batch, a function of the run's seed, the epoch and `index` alone."""


class Task(Protocol):
    """The objective of a training: its batches, its loss and its validation."""

    def epoch(self, epoch: int) -> EpochBatches:
        """Return the batches of an epoch, a function of the run's seed and the epoch alone."""

    def loss(self, outputs: torch.Tensor, targets: Any) -> torch.Tensor:
        """Return the sum of the losses, a scalar, from the model's float32 outputs."""

    def validate(self) -> dict[str, float] | None:
        """Return scores with the keys `loss` and `score` (higher is better), or None to keep the last epoch."""


@dataclass(frozen=True)
class LoopSettings:
    """The parameters of the loop."""

    seed: int
    epochs: int
    patience: int | None
    """Epochs without a better score after which training stops; with None it never stops early."""
    accumulation: int
    """Micro-batches per step and process."""
    peak_learning_rate: float
    """The peak of the learning rate in the history; each group of the optimizer has its own."""
    warmup_fraction: float
    schedule: str
    max_grad_norm: float
    checkpoint_steps: int
    initial_counts: bool = True
    """Whether the initial weights may be the best epoch's."""


@dataclass(frozen=True)
class Training:
    """A training run, ready for `train`."""

    accelerator: Accelerator
    model: nn.Module
    optimizer: Any
    """From `accelerator.prepare`; each group has its peak learning rate as `peak_lr`."""
    task: Task
    settings: LoopSettings
    check: DivergenceCheck
    checkpoints: Checkpoints
    steps: int
    """Number of steps of all epochs."""
    average: WeightAverage | None = None
    """Averaged weights, which are validated and kept in place of the model's own; None for none."""


def _train_step(
    run: Training, prepared: nn.Module, batch: Batch, position: tuple[int, int]
) -> tuple[float, float | None]:
    """Do one step of the optimizer.

    Args:
        run: The training.
        prepared: The model as accelerate wraps it.
        batch: The rows of the step.
        position: Epoch and index of the batch; with the run's seed and the micro-batch they seed dropout.

    Returns:
        The loss, and the norm of the gradients before clipping, None if it is not finite.
    """
    accelerator, settings = run.accelerator, run.settings
    process, processes = accelerator.process_index, accelerator.num_processes
    total = torch.zeros((), device=accelerator.device)
    mine = micro_batches(len(batch), process, processes, settings.accumulation)
    for micro_batch in mine:
        inputs, targets = batch.select(micro_batch.positions)
        torch.manual_seed(step_seed(settings.seed, *position, micro_batch.index))
        # Gradients accumulate locally and are exchanged between processes once, with the last micro-batch.
        with accelerator.no_sync(prepared) if micro_batch is not mine[-1] else nullcontext():
            scale = 1 / batch.normaliser if micro_batch.counts else 0.0
            loss = run.task.loss(prepared(**inputs).float(), targets) * scale
            # The exchange averages gradients over processes; the step needs their sum.
            accelerator.backward(loss * processes)
        total += loss.detach()
    norm = float(accelerator.clip_grad_norm_(prepared.parameters(), settings.max_grad_norm))
    run.optimizer.step()
    run.optimizer.zero_grad()
    return accelerator.reduce(total, "sum").item(), norm if math.isfinite(norm) else None


def _stop_on(problem: str | None, checkpoints: Checkpoints) -> None:
    if problem:
        raise UserError(f"{problem}; earlier checkpoints stay in {checkpoints.folder}")


def _save(run: Training, progress: Progress) -> None:
    if run.check.is_sound(progress.steps):
        run.checkpoints.save(progress, run.model, run.optimizer, run.accelerator.scaler, run.average)


def _train_epoch(run: Training, prepared: nn.Module, progress: Progress, bar: Any) -> None:
    """Do the remaining steps of an epoch."""
    settings = run.settings
    batches = run.task.epoch(progress.epoch)
    run.model.train()
    for index in range(progress.batch, len(batches)):
        start = time.perf_counter()
        factor = learning_rate_factor(progress.step, run.steps, settings.warmup_fraction, settings.schedule)
        for group in run.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        batch = batches[index]
        loss, norm = _train_step(run, prepared, batch, (progress.epoch, index))
        progress.step += 1
        progress.batch = index + 1
        if run.average is not None:
            run.average.after_step(progress.step)
        progress.examples += len(batch)
        progress.step_seconds += time.perf_counter() - start
        loss *= batch.normaliser / batch.weight
        row: dict[str, Any] = {"step": progress.step, "epoch": progress.epoch + 1, "loss": loss}
        row |= {"learning_rate": settings.peak_learning_rate * factor, "gradient_norm": norm}
        progress.steps.append(row)
        _stop_on(run.check.step_problem(progress.steps), run.checkpoints)
        bar.update()
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if progress.step % settings.checkpoint_steps == 0 and progress.batch < len(batches):
            _save(run, progress)


def _close_epoch(run: Training, progress: Progress) -> None:
    """Validate, record the scores, and keep the weights if they are the best so far: averaged ones, where there are."""
    if run.average is not None and progress.epoch:
        run.average.after_epoch(progress.epoch)
    with run.average.in_place() if run.average is not None else nullcontext():
        _validate(run, progress)


def _validate(run: Training, progress: Progress) -> None:
    """Validate the model's present weights, record the scores, and keep the weights if they are the best so far."""
    start = time.perf_counter()
    scores = run.task.validate()
    progress.other_seconds += time.perf_counter() - start
    losses = [row["loss"] for row in progress.steps if row["epoch"] == progress.epoch]
    row = {
        "epoch": progress.epoch,
        "step": progress.step,
        "train_loss": float(np.mean(losses)) if losses else None,
        **{f"validation_{name}": value for name, value in (scores or {}).items() if name != "score"},
    }
    progress.epochs.append(row)
    if scores is None:
        return
    _stop_on(run.check.validation_problem(progress.epoch, scores["loss"]), run.checkpoints)
    counts = progress.epoch > 0 or run.settings.initial_counts
    if counts and scores["score"] > progress.best_score:
        progress.best_score, progress.best_epoch = scores["score"], progress.epoch
        run.checkpoints.keep_best(run.model, progress)


def _is_finished(settings: LoopSettings, progress: Progress) -> bool:
    patience = math.inf if settings.patience is None else settings.patience
    return progress.epoch >= settings.epochs or progress.epoch - progress.best_epoch >= patience


def train(
    run: Training, initialise: Callable[[], None] | None = None, on_epoch: Callable[[Progress], None] | None = None
) -> Progress:
    """Train the model in place and leave it in evaluation mode at its best epoch, or the last without validation.

    Epoch 0 is the validation of the initial weights: bad training cannot replace better initial weights.

    A step is a function of the weights, the state of the optimizer and the step's number: batches and dropout are
    functions of seed, epoch and index. Training killed at any step therefore resumes from the newest complete
    checkpoint and ends with the same bytes. Each of several distributed processes computes its micro-batches of every
    step, and all have the same weights.

    Args:
        run: The training.
        initialise: Sets the initial weights of the head; called if the run begins anew.
        on_epoch: Called after each epoch with the progress so far.

    Raises:
        UserError: if training diverges; earlier checkpoints are kept.
    """
    accelerator, checkpoints, settings = run.accelerator, run.checkpoints, run.settings
    progress = checkpoints.resume(run.model, run.optimizer, accelerator.scaler, run.average)
    resumed = progress is not None
    if progress is not None and accelerator.is_main_process:
        print(f"resumed after step {progress.step} of {run.steps} ({checkpoints.folder})", file=sys.stderr)
    progress = progress or Progress()
    if not resumed and initialise is not None:
        start = time.perf_counter()
        initialise()
        progress.other_seconds += time.perf_counter() - start
    # The other ranks receive the weights of rank 0 here.
    prepared = accelerator.prepare(run.model)
    report = on_epoch or (lambda progress: None)
    if not resumed:
        if run.average is not None:
            run.average.begin()
        _close_epoch(run, progress)
        report(progress)
    bar = tqdm(total=run.steps, initial=progress.step, desc="train", unit="step", disable=hidden_bar(accelerator))
    while not _is_finished(settings, progress):
        _train_epoch(run, prepared, progress, bar)
        progress.epoch += 1
        progress.batch = 0
        _close_epoch(run, progress)
        _save(run, progress)
        report(progress)
    bar.close()
    accelerator.wait_for_everyone()
    if progress.best_score >= 0:
        checkpoints.load_best(run.model, progress)
    run.model.eval()
    return progress
