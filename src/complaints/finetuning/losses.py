"""Losses and class weights for long-tailed class frequencies."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from complaints.finetuning.distillation import NO_LABEL, Distillation, uniform_divergence
from complaints.finetuning.params import FinetuneParams, LossParams
from complaints.finetuning.sampling import class_shares
from complaints.scoring.class_prior import log_prior


def class_weights(counts: np.ndarray, scheme: str, beta: float) -> np.ndarray:
    """Return a weight for each class, float64 [classes], whose mean over the training rows is 1.

    Before scaling, the weight of a class of n rows is 1 (`none`), 1 / n (`inverse`), 1 / sqrt(n) (`sqrt_inverse`), or
    (1 - beta) / (1 - beta^n) (`effective`: the inverse of the effective number of samples, Cui et al. 2019,
    "Class-Balanced Loss Based on Effective Number of Samples"; it is about 1 / n for n far below 1 / (1 - beta), and
    constant far above).

    Args:
        counts: Training rows of each class, int [classes]; a class without rows gets the weight of a single row.
        scheme: One of the four names.
        beta: Parameter of `effective`, in (0, 1).
    """
    n = np.maximum(counts, 1).astype(np.float64)
    if scheme == "inverse":
        weights = 1 / n
    elif scheme == "sqrt_inverse":
        weights = 1 / np.sqrt(n)
    elif scheme == "effective":
        weights = (1 - beta) / -np.expm1(n * np.log(beta))
    else:
        weights = np.ones_like(n)
    return weights * (counts.sum() / (weights * counts).sum())


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Return the cross-entropy -sum_c q_c log p_c of each row, [rows], with p the softmax of `logits` [rows, classes].

    The target q is 1 - smoothing on the label, plus smoothing / classes on every class (Szegedy et al. 2016,
    "Rethinking the Inception Architecture", section 7).
    """
    return nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")


def focal(logits: torch.Tensor, labels: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return the focal loss -(1 - p)^gamma log p of each row, [rows], with p the probability of its label.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 4: rows with a high p have a small loss.
    """
    log_p = nn.functional.log_softmax(logits, dim=1)
    # log(1 - p) is computed from the other classes: where p rounds to 1, 1 - p is 0, and 0^gamma has no gradient.
    others = log_p.scatter(1, labels[:, None], -torch.inf)
    return -torch.exp(gamma * others.logsumexp(1)) * log_p.gather(1, labels[:, None]).squeeze(1)


def logit_adjusted(
    logits: torch.Tensor, labels: torch.Tensor, prior: torch.Tensor, tau: float, smoothing: float = 0.0
) -> torch.Tensor:
    """Return the cross-entropy of logits + tau x log prior of each row, [rows].

    Menon et al. 2021, "Long-tail learning via logit adjustment", equation 10. The model's own logits are then those of
    balanced classes, and post-hoc adjustment would adjust them a second time.

    Args:
        logits: [rows, classes].
        labels: Class ids, int64 [rows].
        prior: Log share of each class among the training rows, [classes].
        tau: Strength of the adjustment.
        smoothing: Label smoothing, as for `cross_entropy`.
    """
    return cross_entropy(logits + tau * prior, labels, smoothing)


@dataclass(frozen=True)
class Objective:
    """The training loss of one entry of `models:`, for one training set.

    The loss of a step is the mean of its rows' losses, weighted by class: the sum of weight x loss over the rows,
    divided by the loss normaliser (`batching.loss_normaliser`). Each micro-batch divides its own sum by the normaliser
    of the batch; the results add up to the loss of the step.
    """

    params: LossParams
    weights: torch.Tensor
    """Weight of each class, float32 [classes]."""
    prior: torch.Tensor
    """Log share of each class among the training rows, float32 [classes]."""
    mass: torch.Tensor
    """Share of each class in the loss, over sampled rows counted by their weights, float32 [classes]."""
    bias_shift: torch.Tensor
    """Correction of the biases of a head trained without weights, such as a linear probe; float32 [classes]."""
    distillation: Distillation | None = None
    """The share of a teacher in the loss, None without one."""
    uniform_divergence: float = 0.0
    """Expected divergence of a uniform prediction from the teacher, on rows with labels."""
    unlabeled_share: float = 0.0
    """Share of the texts without labels among all rows; each has weight 1, the mean weight of the others."""
    unlabeled_divergence: float = 0.0
    """Mean divergence of a uniform prediction from the teacher on those texts."""

    def rows(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss of each row before weighting, [rows], from logits [rows, classes]."""
        if self.params.name == "focal":
            return focal(logits, labels, self.params.focal_gamma)
        if self.params.name == "logit_adjusted":
            return logit_adjusted(logits, labels, self.prior, self.params.tau, self.params.label_smoothing)
        return cross_entropy(logits, labels, self.params.label_smoothing)

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor | None = None) -> torch.Tensor:
        """Return the sum of weight x loss over rows, a scalar; the loss normaliser of the batch divides it.

        Args:
            logits: [rows, classes].
            labels: Class ids, or NO_LABEL with a teacher, int64 [rows].
            teacher: Logits of the teacher, [rows, classes]; those of a training without distillation are None.
        """
        known = labels.clamp(min=0)
        losses, weights = self.rows(logits, known), self.weights[known]
        if self.distillation is not None and teacher is not None:
            losses = self.distillation.blend(logits, teacher, losses, labels)
            weights = torch.where(labels == NO_LABEL, 1.0, weights)
        return (weights * losses).sum()

    def batch_weights(self, labels: np.ndarray, batches: list[np.ndarray]) -> np.ndarray:
        """Return the sum of the row weights of each batch, float64 [batches], from the class ids of all rows."""
        weights = np.where(labels == NO_LABEL, 1.0, self.weights.cpu().numpy().astype(np.float64)[labels])
        return np.array([weights[rows].sum() for rows in batches])

    def uniform_loss(self) -> float:
        """Return the expected loss of a uniform prediction: ln(classes) for cross-entropy without a teacher."""
        classes = torch.arange(len(self.mass), device=self.mass.device)
        losses = self.rows(torch.zeros(len(classes), len(classes), device=self.mass.device), classes)
        expected = float((self.mass * losses).sum())
        if self.distillation is None:
            return expected
        alpha, share = self.distillation.alpha, self.unlabeled_share
        of_labels = alpha * self.uniform_divergence + (1 - alpha) * expected
        return (1 - share) * of_labels + share * self.unlabeled_divergence


def bias_shift(counts: np.ndarray, mass: np.ndarray, adjustment: np.ndarray) -> np.ndarray:
    """Return the correction from an unweighted classifier's biases to those of an objective, float64 [classes].

    The logits of an unweighted classifier contain the log prior of the training rows. Sampling and weights replace that
    prior, and logit adjustment removes some of it (Menon et al. 2021, section 4). Without the correction, a head
    initialised from a linear probe would need its training to change its biases. Classes without rows get the smallest
    shift.

    Args:
        counts: Training rows of each class, int [classes].
        mass: Share of each class in the loss, [classes].
        adjustment: Addend of the loss to the logits, [classes].
    """
    present = counts > 0
    shift = np.log(mass[present] / (counts[present] / counts.sum())) - adjustment[present]
    shift -= shift.mean()
    result = np.full(len(counts), shift.min())
    result[present] = shift
    return result


def make_objective(
    params: FinetuneParams,
    labels: np.ndarray,
    classes: int,
    device: torch.device,
    distillation: Distillation | None = None,
    teacher: np.ndarray | None = None,
) -> Objective:
    """Return the objective of a model on its training rows.

    Args:
        params: The parameters of the training.
        labels: Class id of each training row, or NO_LABEL with a teacher, int [rows].
        classes: Size of the label vocabulary.
        device: The device of the tensors.
        distillation: The share of a teacher in the loss, None without one.
        teacher: The teacher's logits of the training rows, [rows, classes]; None without one.
    """
    unlabeled = labels == NO_LABEL
    labels = labels[~unlabeled]
    counts = np.bincount(labels, minlength=classes)
    loss = params.loss
    weights = class_weights(counts, loss.class_weights, loss.effective_beta)
    mass = class_shares(counts, params.sampling) * weights
    mass /= mass.sum()
    prior = log_prior(labels, classes)
    adjustment = loss.tau * prior if loss.name == "logit_adjusted" else np.zeros(classes)

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(device)

    shift = tensor(bias_shift(counts, mass, adjustment))
    made = Objective(loss, tensor(weights), tensor(prior), tensor(mass), shift, distillation)
    if distillation is None or teacher is None:
        return made
    of_rows = uniform_divergence(teacher, distillation.temperature)
    return replace(
        made,
        uniform_divergence=float((mass / np.maximum(counts, 1))[labels] @ of_rows[~unlabeled]),
        unlabeled_share=float(unlabeled.mean()),
        unlabeled_divergence=float(of_rows[unlabeled].mean()) if unlabeled.any() else 0.0,
    )
