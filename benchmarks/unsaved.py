"""The project's training loop for the benchmarks of speed: without checkpoints, which are a matter of the disk."""

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
    """Train as the `finetune` stage does from a random head, and leave the model as the last epoch left it.

    Args:
        accelerator: Decides device and precision.
        model: A classifier of tokens.
        data: Train and validation.
        settings: An entry of `models:`.
        on_epoch: Called after each validation, the first of which comes before any step.
    """

    class Done(Exception):
        """All epochs are over: what would follow is to read the best one from the disk."""

    def watch(progress: Progress) -> None:
        on_epoch(progress)
        if progress.epoch == settings.epochs:
            raise Done

    nowhere = Checkpoints(Path("none"), "x", writes=False)
    with suppress(Done):
        train(accelerator, model, data, settings, nowhere, lambda objective: None, watch)
