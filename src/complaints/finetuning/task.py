"""Classification as a task of the training loop: batches, loss, validation."""

from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from complaints.engine.batches import WIDTH_MULTIPLE, Examples, model_inputs
from complaints.engine.inference import infer
from complaints.finetuning.batching import draw_batches, loss_normaliser
from complaints.finetuning.losses import Objective
from complaints.finetuning.params import FinetuneParams
from complaints.scoring.metrics import accuracy, class_scores, macro_f1


@dataclass(frozen=True)
class Data:
    """The training and validation rows of a model; training rows without a label have NO_LABEL and a teacher."""

    train: Examples
    validation: Examples
    pad_id: int
    """Token id of padding."""
    classes: int
    packed: bool = False
    """Whether the model computes without padding."""
    teacher: np.ndarray | None = None
    """Logits of the teacher on the training rows, float32 [rows, classes]; None without one."""


@dataclass(frozen=True)
class Targets:
    """The targets of some rows."""

    labels: torch.Tensor
    """Class ids, or NO_LABEL, int64 [rows]."""
    teacher: torch.Tensor | None
    """Logits of the teacher, float32 [rows, classes]; None without one."""


@dataclass(frozen=True)
class ClassificationTask:
    """The training of a classifier on rows with a label, a teacher's logits, or both."""

    accelerator: Accelerator
    model: nn.Module
    data: Data
    params: FinetuneParams
    seed: int
    objective: Objective

    def epoch(self, epoch: int) -> "ClassificationEpoch":
        """Return the batches of an epoch, a function of the seed and the epoch."""
        batches = draw_batches(self.data.train, self.params, self.seed, epoch, self.data.packed)
        return ClassificationEpoch(self, batches, self.objective.batch_weights(self.data.train.labels, batches))

    def loss(self, outputs: torch.Tensor, targets: "Targets") -> torch.Tensor:
        """Return the weighted sum of the rows' losses, a scalar, from logits [rows, classes]."""
        return self.objective(outputs, targets.labels, targets.teacher)

    def validate(self) -> dict[str, float]:
        """Return loss, accuracy and macro-F1 on the validation split; the score is macro-F1."""
        self.model.eval()
        logits = infer(self.accelerator, self.model, self.data.validation, self.data.pad_id, "validate", finite=False)
        truth = self.data.validation.labels
        predicted = logits.argmax(1)
        score = macro_f1(class_scores(truth, predicted, logits.shape[1]))
        return {
            "loss": nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(truth)).item(),
            "accuracy": accuracy(truth, predicted),
            "macro_f1": score,
            "score": score,
        }


@dataclass(frozen=True)
class ClassificationEpoch:
    """The batches of one epoch."""

    task: ClassificationTask
    batches: list[np.ndarray]
    weights: np.ndarray
    """Sum of the row weights of each batch, float64 [batches]."""

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> "ClassificationBatch":
        normaliser = loss_normaliser(self.weights, index, self.task.params.batch_tokens is not None)
        return ClassificationBatch(self.task, self.batches[index], normaliser, float(self.weights[index]))


@dataclass(frozen=True)
class ClassificationBatch:
    """The rows of one step."""

    task: ClassificationTask
    rows: np.ndarray
    normaliser: float
    weight: float

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, positions: np.ndarray) -> tuple[dict[str, torch.Tensor], Targets]:
        """Return the model's arguments and the targets for the rows at these positions."""
        data, params, device = self.task.data, self.task.params, self.task.accelerator.device
        rows = self.rows[positions]
        multiple = 1 if params.batch_tokens is None and not params.compile else WIDTH_MULTIPLE
        labels = torch.from_numpy(data.train.labels[rows]).to(device)
        teacher = None if data.teacher is None else torch.from_numpy(data.teacher[rows]).to(device)
        return model_inputs(data.train, rows, data.pad_id, device, multiple), Targets(labels, teacher)
