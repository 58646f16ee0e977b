"""Texts without labels in a training: their loss by hand, and a student that learns from them and resumes exactly."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from support.tiny_task import default_params, digests, finetune_until, model_params, run

from complaints.backbones.resolve import Backbone
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.finetuning.distillation import NO_LABEL, Distillation, uniform_divergence
from complaints.finetuning.losses import Objective, make_objective
from complaints.scoring.predictions import write_out_of_fold, write_unlabeled
from complaints.subsets.row_ids import row_ids_sha256

FOLDER = paths.TEACHERS / "net"
STUDENT: dict[str, Any] = {"teacher.models": ["tfidf"], "teacher.unlabeled": True, "epochs": 2, "patience": 2}
TEXTS = [
    f"the bank {word} late fee report"
    for word in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
]

# Classes 0 and 1; at temperature 2 the student has (0.5, 0.5) everywhere, and the teacher (0.8, 0.2).
TEACHER = np.tile(np.array([2 * np.log(4), 0.0], np.float32), (3, 1))
TAUGHT = 4 * (0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5))


def objective(labels: list[int], teacher: np.ndarray = TEACHER, alpha: float = 0.25, **changes: Any) -> Objective:
    chosen = default_params(**changes).finetune
    return make_objective(chosen, np.array(labels), 2, torch.device("cpu"), Distillation(alpha, 2.0), teacher)


def test_the_loss_of_a_mixed_batch_is_that_computed_by_hand() -> None:
    """Two rows have a label and one does not: its loss is the divergence alone, whatever alpha is."""
    labels = [0, 1, NO_LABEL]
    found = objective(labels)(torch.zeros(3, 2), torch.tensor(labels), torch.from_numpy(TEACHER))
    by_hand = 2 * (0.25 * TAUGHT + 0.75 * np.log(2)) + TAUGHT
    assert found.item() == pytest.approx(by_hand, rel=1e-6)


def test_class_weights_are_those_of_the_labelled_rows_and_a_text_without_a_label_has_weight_one() -> None:
    labels = [0, 0, 0, 1, NO_LABEL, NO_LABEL]
    teacher = np.tile(TEACHER[:1], (6, 1))
    chosen = objective(labels, teacher, class_weights="inverse")
    assert chosen.weights.tolist() == pytest.approx([2 / 3, 2.0])
    assert chosen.batch_weights(np.array(labels), [np.arange(6), np.array([4, 0])]).tolist() == pytest.approx(
        [6, 5 / 3]
    )
    batch = torch.tensor([NO_LABEL, 1])
    found = chosen(torch.zeros(2, 2), batch, torch.from_numpy(teacher[:2]))
    assert found.item() == pytest.approx(TAUGHT + 2 * (0.25 * TAUGHT + 0.75 * np.log(2)), rel=1e-6)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "logit_adjusted"])
def test_the_gradient_of_a_text_without_a_label_is_that_of_the_divergence_alone(loss: str) -> None:
    labels = [0, 1, NO_LABEL]
    logits = torch.tensor([[0.3, -0.2], [1.0, 0.0], [40.0, -90.0]], requires_grad=True)
    objective(labels, loss=loss)(logits, torch.tensor(labels), torch.from_numpy(TEACHER)).backward()
    assert logits.grad is not None
    soft = torch.softmax(logits.detach()[2] / 2, 0) - torch.tensor([0.8, 0.2])
    torch.testing.assert_close(logits.grad[2], 2.0 * soft)


def test_the_uniform_loss_is_the_mean_over_rows_with_and_without_labels() -> None:
    labels = [0, 0, 1, NO_LABEL, NO_LABEL]
    teacher = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    chosen = objective(labels, teacher)
    found = chosen(torch.zeros(5, 2), torch.tensor(labels), torch.from_numpy(teacher)) / 5
    assert chosen.uniform_loss() == pytest.approx(found.item(), rel=1e-5)
    assert chosen.unlabeled_divergence == pytest.approx(uniform_divergence(teacher, 2.0)[3:].mean())


def write_teacher(of_texts: int = 2, texts: list[str] = TEXTS) -> None:
    """Write a teacher that knows nothing about the training rows, and is sure that the texts are of one class."""
    ids = [f"new{number}" for number in range(len(texts))]
    write_out_of_fold(FOLDER / "train.parquet", [f"train{row}" for row in range(60)], np.zeros((60, 3), np.float32))
    write_parquet(
        FOLDER / "unlabeled_texts.parquet", UNLABELED_SCHEMA, [pa.table([ids, texts], schema=UNLABELED_SCHEMA)]
    )
    sure = np.full((len(texts), 3), -6, np.float32)
    sure[:, of_texts] = 0
    write_unlabeled(FOLDER / "unlabeled.parquet", ids, sure)


def steps() -> list[list[str]]:
    return [line.split(",") for line in Path("reports/training/net/steps.csv").read_text().splitlines()[1:]]


def test_an_epoch_has_the_texts_as_rows_and_the_record_counts_them(workspace: Path, backbone: Backbone) -> None:
    """60 labelled rows and 10 texts in batches of 8: nine steps an epoch."""
    write_teacher()
    record = run(model_params(backbone, **STUDENT))
    assert len(steps()) == 18
    assert (record["train_rows"], record["rows"]["train"]["rows"]) == (60, 60)
    tokens, ids = record["unlabeled"].pop("tokens"), [f"new{number}" for number in range(10)]
    assert tokens >= 10 * 6
    assert record["unlabeled"] == {"rows": 10, "row_ids_sha256": row_ids_sha256(ids)}
    assert read_json("models/net/training.json")["unlabeled"]["tokens"] == tokens


def test_the_training_fraction_is_one_of_the_labelled_rows_alone(workspace: Path, backbone: Backbone) -> None:
    write_teacher()
    record = run(model_params(backbone, **STUDENT, **{"finetune.train_fraction": 0.5}))
    assert record["train_rows"] < 60
    assert len(steps()) == 2 * -(-(record["train_rows"] + 10) // 8)
    assert record["unlabeled"]["rows"] == 10


def test_a_student_learns_the_teachers_probabilities_of_texts_without_labels(
    workspace: Path, backbone: Backbone
) -> None:
    """With alpha 1 the teacher of the training rows says nothing: what is learnt comes from the texts."""
    rates: dict[str, Any] = {"learning_rate": 5e-3, "head_learning_rate": 0.1, "head_start": "names", "epochs": 4}
    settings = model_params(backbone, **STUDENT | rates | {"teacher.alpha": 1.0, "patience": 4})
    losses = {}
    for of_texts in (1, 2):
        write_teacher(of_texts)
        run(settings)
        losses[of_texts] = [float(step[2]) for step in steps()]
    assert losses[1] != losses[2]
    for history in losses.values():
        assert np.mean(history[-9:]) < 0.5 * np.mean(history[:9])


def test_a_student_of_texts_without_labels_resumes_with_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    write_teacher()
    settings = model_params(backbone, **STUDENT | {"accumulation": 2})
    run(settings)
    expected = digests()
    finetune_until(13, monkeypatch, settings)
    run(settings)
    assert digests() == expected


def test_a_student_without_them_does_not_read_the_texts(workspace: Path, backbone: Backbone) -> None:
    write_teacher()
    run(model_params(backbone, **STUDENT | {"teacher.unlabeled": False}))
    expected = digests()
    write_teacher(1, TEXTS[:3])
    record = run(model_params(backbone, **STUDENT | {"teacher.unlabeled": False}))
    assert "unlabeled" not in record
    assert record["params"]["teacher"]["unlabeled"] is False
    assert digests() == expected


def test_logits_of_other_texts_are_refused(workspace: Path, backbone: Backbone) -> None:
    write_teacher()
    write_unlabeled(FOLDER / "unlabeled.parquet", ["x"] * 10, np.zeros((10, 3), np.float32))
    with pytest.raises(UserError, match=r"unlabeled\.parquet has row 'x' where the unlabeled split has 'new0'"):
        run(model_params(backbone, **STUDENT))
