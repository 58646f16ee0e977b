"""The project's training loop without checkpoints, so that speed benchmarks do not measure the disk."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from accelerate import Accelerator
from torch import nn

from complaints.engine import loop
from complaints.engine.checkpoints import Checkpoints, Progress
from complaints.finetuning.fit import make_training
from complaints.finetuning.losses import make_objective
from complaints.finetuning.params import ModelParams
from complaints.finetuning.task import Data


def train_unsaved(
    accelerator: Accelerator,
    model: nn.Module,
    data: Data,
    params: ModelParams,
    on_epoch: Callable[[Progress], None],
) -> None:
    """Train as the stage `finetune` does from a randomly initialised head; `model` keeps the last epoch's weights.

    Args:
        accelerator: Device and precision.
        model: A classifier of tokens.
        data: Training and validation rows.
        params: An entry of `models:`.
        on_epoch: Called after each validation, the first of which precedes the first step.
    """

    class AllEpochsDone(Exception):
        """Ends `loop.train` before it reads the best epoch from the disk."""

    def watch(progress: Progress) -> None:
        on_epoch(progress)
        if progress.epoch == params.finetune.epochs:
            raise AllEpochsDone

    objective = make_objective(params.finetune, data.train.labels, data.classes, accelerator.device)
    nowhere = Checkpoints(Path("none"), "x", writes=False)
    training = make_training(accelerator, model, data, params, objective, nowhere)
    with suppress(AllEpochsDone):
        loop.train(training, on_epoch=watch)
