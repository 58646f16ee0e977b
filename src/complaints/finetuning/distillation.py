"""Distillation loss: the divergence of a student's softened probabilities from its teacher's."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

NO_LABEL = -1
"""In place of the class id of a text without a label."""


@dataclass(frozen=True)
class Distillation:
    """The distillation of one training: alpha x T^2 x KL(teacher || student) + (1 - alpha) x the loss of the labels.

    The loss of a text without a label is T^2 x KL(teacher || student) alone, whatever alpha is.

    Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
    """

    alpha: float
    temperature: float

    def blend(
        self, logits: torch.Tensor, teacher: torch.Tensor, label_losses: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of each row, [rows].

        Args:
            logits: Of the student, [rows, classes].
            teacher: Of the teacher, [rows, classes].
            label_losses: Loss of each row by its label, finite and without meaning for a row without one, [rows].
            labels: Class ids or NO_LABEL, int64 [rows].
        """
        taught = divergence(logits, teacher, self.temperature)
        return torch.where(labels == NO_LABEL, taught, self.alpha * taught + (1 - self.alpha) * label_losses)


def divergence(logits: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return T^2 x KL(p || q) of each row, [rows], with p = softmax(teacher / T) and q = softmax(logits / T).

    KL(p || q) = sum_c p_c (log p_c - log q_c). Its gradient is 1 / T^2 of that at temperature 1 for large T, so that
    the factor keeps the balance with the loss of the labels (Hinton et al. 2015, section 2.1).

    Args:
        logits: Of the student, [rows, classes].
        teacher: Of the teacher, logits or log-probabilities, [rows, classes].
        temperature: T.
    """
    own, wanted = (nn.functional.log_softmax(values / temperature, dim=1) for values in (logits, teacher))
    return temperature**2 * nn.functional.kl_div(own, wanted, reduction="none", log_target=True).sum(1)


def uniform_divergence(teacher: np.ndarray, temperature: float) -> np.ndarray:
    """Return the `divergence` of a uniform prediction from each row of the teacher's, float64 [rows]."""
    values = torch.from_numpy(teacher.astype(np.float64))
    return divergence(torch.zeros_like(values), values, temperature).numpy()
