"""Distillation loss: its value by hand, the faults that such losses commonly have, and the training of a student."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny_task import default_params, digests, finetune_until, model_params, run, train_and_read
from torch.nn.functional import kl_div, log_softmax, softmax

from complaints.backbones.resolve import Backbone
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.finetuning.distillation import Distillation, divergence, uniform_divergence
from complaints.finetuning.losses import Objective, make_objective
from complaints.scoring.predictions import read_predictions, write_out_of_fold

CPU = torch.device("cpu")
# softmax(TEACHER / 2) is (0.8, 0.2), softmax(STUDENT / 2) is (0.5, 0.5).
TEACHER = torch.tensor([[2 * np.log(4), 0.0]], dtype=torch.float64)
STUDENT = torch.tensor([[3.0, 3.0]], dtype=torch.float64)
BY_HAND = 4 * (0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5))


def swapped(student: torch.Tensor, teacher: torch.Tensor, t: float) -> torch.Tensor:
    return t**2 * kl_div(log_softmax(teacher / t, 1), log_softmax(student / t, 1), reduction="none", log_target=True)


def without_square(student: torch.Tensor, teacher: torch.Tensor, t: float) -> torch.Tensor:
    return kl_div(log_softmax(student / t, 1), softmax(teacher / t, 1), reduction="none")


def log_of_log_softmax(student: torch.Tensor, teacher: torch.Tensor, t: float) -> torch.Tensor:
    """Take the teacher's log-probabilities for probabilities, and their logarithm again."""
    twice = log_softmax(log_softmax(teacher / t, 1).exp(), 1)
    return t**2 * kl_div(log_softmax(student / t, 1), twice, reduction="none", log_target=True)


def test_the_divergence_is_that_computed_by_hand() -> None:
    assert divergence(STUDENT, TEACHER, 2.0).item() == pytest.approx(BY_HAND)
    assert divergence(TEACHER, TEACHER, 2.0).item() == pytest.approx(0)


@pytest.mark.parametrize("fault", [swapped, without_square, log_of_log_softmax])
def test_a_common_fault_has_another_value(fault: Any) -> None:
    assert fault(STUDENT, TEACHER, 2.0).sum().item() != pytest.approx(BY_HAND, rel=0.05)


def test_log_probabilities_are_logits() -> None:
    """The teacher's logits on disk are log-probabilities, less a multiple of the log prior."""
    random = np.random.default_rng(0)
    logits, teacher = (torch.from_numpy(random.normal(size=(5, 4))) for _ in range(2))
    torch.testing.assert_close(divergence(logits, log_softmax(teacher, 1) + 7, 3.0), divergence(logits, teacher, 3.0))


def test_the_gradient_is_that_of_the_softened_probabilities() -> None:
    """Hinton et al. 2015, equation 2: (q - p) / T for the cross-entropy, here times T^2."""
    random = np.random.default_rng(0)
    logits, teacher = (torch.from_numpy(random.normal(size=(5, 4))).requires_grad_() for _ in range(2))
    found = torch.autograd.grad(divergence(logits, teacher.detach(), 3.0).sum(), logits)[0]
    torch.testing.assert_close(found, 3.0 * (softmax(logits / 3, 1) - softmax(teacher / 3, 1)).detach())


def objective(alpha: float, teacher: np.ndarray, labels: np.ndarray, **changes: Any) -> Objective:
    return make_objective(default_params(**changes).finetune, labels, 3, CPU, Distillation(alpha, 2.0), teacher)


@pytest.mark.parametrize("changes", [{}, {"class_weights": "inverse"}, {"loss": "logit_adjusted"}, {"loss": "focal"}])
def test_the_loss_is_the_weighted_mean_of_teacher_and_labels(changes: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    labels, teacher = np.array([0, 0, 0, 1, 1, 2]), random.normal(size=(6, 3)).astype(np.float32)
    logits = torch.from_numpy(random.normal(size=(6, 3)).astype(np.float32))
    both, plain = objective(0.3, teacher, labels, **changes), objective(0.0, teacher, labels, **changes)
    ids, targets = torch.from_numpy(labels), torch.from_numpy(teacher)
    weights = both.weights[ids]
    expected = (weights * (0.3 * divergence(logits, targets, 2.0) + 0.7 * plain.rows(logits, ids))).sum()
    torch.testing.assert_close(both(logits, ids, targets), expected)
    torch.testing.assert_close(plain(logits, ids, targets), plain(logits, ids))


def test_the_uniform_loss_is_the_mean_loss_of_a_uniform_prediction() -> None:
    """The divergence check compares the loss of a training with it."""
    labels, teacher = np.array([0, 0, 0, 1, 1, 2]), np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    chosen = objective(0.4, teacher, labels)
    found = chosen(torch.zeros(6, 3), torch.from_numpy(labels), torch.from_numpy(teacher)) / 6
    assert chosen.uniform_loss() == pytest.approx(found.item(), rel=1e-5)
    assert uniform_divergence(teacher, 2.0).min() > 0


def write_teacher(rows: int = 60) -> None:
    """Write logits of a teacher that contradicts the labels: every row is of class 2."""
    logits = np.tile(np.array([[-4.0, -4.0, 0.0]], np.float32), (rows, 1))
    write_out_of_fold(paths.TEACHERS / "net" / "train.parquet", [f"train{row}" for row in range(rows)], logits)


STUDENT_KEYS: dict[str, Any] = {"teacher.models": ["tfidf"], "teacher.alpha": 1.0, "epochs": 2, "patience": 2}


@pytest.mark.parametrize("train", ["full", "head"])
def test_a_student_learns_from_its_teacher_row_by_row(workspace: Path, backbone: Backbone, train: str) -> None:
    """Alone, the teacher that names class 2 for every row is all that is learnt; labels count with alpha below 1."""
    write_teacher()
    rates: dict[str, Any] = {"learning_rate": 5e-3, "head_learning_rate": 0.1, "head_start": "names", "train": train}
    run(model_params(backbone, **STUDENT_KEYS, **rates))
    history = Path("reports/training/net/epochs.csv").read_text().splitlines()
    assert len(history) == 4
    losses, _ = train_and_read(model_params(backbone, **STUDENT_KEYS, **rates))
    assert losses[-1] < 0.3 * losses[0]


def test_a_student_resumes_with_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    write_teacher()
    settings = model_params(backbone, **STUDENT_KEYS | {"teacher.alpha": 0.5, "accumulation": 2})
    run(settings)
    expected = digests()
    finetune_until(13, monkeypatch, settings)
    run(settings)
    assert digests() == expected


def test_without_alpha_a_student_is_trained_as_without_a_teacher(workspace: Path, backbone: Backbone) -> None:
    run(model_params(backbone, epochs=1))
    alone = read_predictions("predictions/net.parquet")["test"][1]
    write_teacher()
    run(model_params(backbone, epochs=1, **{"teacher.models": ["tfidf"], "teacher.alpha": 0.0}))
    np.testing.assert_allclose(read_predictions("predictions/net.parquet")["test"][1], alone, atol=1e-5)


def test_a_teacher_of_other_rows_is_refused(workspace: Path, backbone: Backbone) -> None:
    write_teacher(rows=59)
    with pytest.raises(UserError, match=r"data/teacher/net/train\.parquet has 59 train rows, the split has 60"):
        run(model_params(backbone, **STUDENT_KEYS))
