"""The project's training loop without checkpoints, so that speed benchmarks do not measure the disk."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from accelerate import Accelerator
from torch import nn

from complaints.engine.checkpoints import Checkpoints, Progress
from complaints.finetuning.loop import Data, train
from complaints.finetuning.params import ModelParams


def train_unsaved(
    accelerator: Accelerator,
    model: nn.Module,
    data: Data,
    settings: ModelParams,
    on_epoch: Callable[[Progress], None],
) -> None:
    """Train as the stage `finetune` does from a randomly initialised head; `model` keeps the last epoch's weights.

    Args:
        accelerator: Device and precision.
        model: A classifier of tokens.
        data: Training and validation rows.
        settings: An entry of `models:`.
        on_epoch: Called after each validation, the first of which precedes the first step.
    """

    class AllEpochsDone(Exception):
        """Ends `train` before it reads the best epoch from the disk."""

    def watch(progress: Progress) -> None:
        on_epoch(progress)
        if progress.epoch == settings.epochs:
            raise AllEpochsDone

    nowhere = Checkpoints(Path("none"), "x", writes=False)
    with suppress(AllEpochsDone):
        train(accelerator, model, data, settings, nowhere, lambda objective: None, watch)
