"""The training loop on a tiny model: best epoch, early stopping, micro-batches, and a resume with the same bytes."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.tiny_task import (
    digests,
    files_of,
    finetune_until,
    model_params,
    newest_checkpoint,
    run,
    train_and_read,
    with_changes,
)

from complaints.backbones.resolve import Backbone
from complaints.core.parquet import read_parquet
from complaints.engine import loop
from complaints.finetuning.params import LoraParams
from complaints.finetuning.run import finetune
from complaints.scoring.predictions import read_predictions


@pytest.mark.parametrize("stop", [3, 4, 5, 8, 9, 13, 17, 21, 24])
def test_training_killed_after_any_step_resumes_with_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, stop: int
) -> None:
    settings = model_params(backbone)
    run(settings)
    expected = digests()
    finetune_until(stop, monkeypatch, settings)
    assert list(Path("scratch/finetune/net").glob("*/step-*")) or stop <= 4
    run(settings)
    assert digests() == expected
    assert not list(Path("scratch/finetune/net").glob("*"))


@pytest.mark.parametrize("packing", ["always", "never"])
def test_training_on_token_budget_batches_resumes_with_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, packing: str
) -> None:
    settings = model_params(backbone, head_start="random", batch_tokens=100, packing=packing, epochs=2)
    losses, _ = train_and_read(settings)
    expected = digests()
    finetune_until(len(losses) - 3, monkeypatch, settings)
    assert list(Path("scratch/finetune/net").glob("*/step-*"))
    run(settings)
    assert digests() == expected


OPTIONS: list[dict[str, Any]] = [
    {"loss": "focal", "class_weights": "effective", "schedule": "cosine"},
    {"loss": "logit_adjusted", "label_smoothing": 0.1, "layer_decay": 0.8},
    {"class_weights": "inverse", "schedule": "constant", "head": "stock", "head_start": "random"},
    {"sampling": "class_aware", "loss": "focal"},
    {"sampling": "sqrt", "label_smoothing": 0.1, "schedule": "cosine", "layer_decay": 0.5},
    {"train": "head", "sampling": "class_aware", "loss": "focal", "schedule": "cosine"},
    {"train": "lora", "loss": "logit_adjusted", "layer_decay": 0.8},
    {"freeze_layers": 1, "class_weights": "sqrt_inverse", "head_start": "names"},
    {"finetune.average.kind": "ema", "finetune.average.decay": 0.9, "keep_layers": [1]},
    {"finetune.average.kind": "last_k", "finetune.average.last": 2, "train": "lora"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_training_with_every_option_resumes_with_the_same_bytes_in_any_epoch(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, options: dict[str, Any]
) -> None:
    settings = model_params(backbone, **options)
    run(settings)
    expected = digests()
    for stop in (6, 21):
        finetune_until(stop, monkeypatch, settings)
        assert newest_checkpoint().name == f"step-{stop // 4 * 4:08d}"
        run(settings)
        assert digests() == expected


def test_a_resumed_training_has_the_time_of_one_that_was_not_killed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    """By a clock that moves a second with each look at it; of lost steps nothing counts."""
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=itertools.count().__next__))
    settings = model_params(backbone)
    finetune_until(14, monkeypatch, settings)
    progress = finetune(settings, *files_of("net"), Path("scratch/finetune/net"), lambda progress: None).progress
    assert progress.examples == 3 * 60
    assert progress.step_seconds == 3 * 8
    assert progress.other_seconds == 1 + 4  # the head, and the validation of epochs 0 to 3


def test_training_learns_and_keeps_the_best_epoch(workspace: Path, backbone: Backbone) -> None:
    record = run(model_params(backbone, epochs=6))
    scores = [epoch["validation_macro_f1"] for epoch in record["epochs"]]
    assert max(scores) > 0.9
    assert scores[record["best_epoch"]] == max(scores)
    truth = read_parquet("data/splits/validation.parquet")["label_id"].to_numpy()
    logits = read_predictions("predictions/net.parquet")["validation"][1]
    accuracy = (logits.argmax(1) == truth).mean()
    assert accuracy == pytest.approx(record["epochs"][record["best_epoch"]]["validation_accuracy"])


def test_bad_training_keeps_better_initial_weights(workspace: Path, backbone: Backbone) -> None:
    record = run(model_params(backbone, head_start="probe", learning_rate=0.5, head_learning_rate=5.0, epochs=2))
    assert record["best_epoch"] == 0


def test_a_random_head_is_never_the_best_epoch(workspace: Path, backbone: Backbone) -> None:
    rates = {"learning_rate": 1e-12, "head_learning_rate": 1e-12}
    record = run(model_params(backbone, head_start="random", epochs=2, **rates))
    scores = [epoch["validation_macro_f1"] for epoch in record["epochs"]]
    assert scores[0] >= max(scores[1:])
    assert record["best_epoch"] == 1


def test_training_stops_after_epochs_without_a_better_score(workspace: Path, backbone: Backbone) -> None:
    settings = model_params(backbone, epochs=9, patience=2, learning_rate=1e-12, head_learning_rate=1e-12)
    assert [epoch["epoch"] for epoch in run(settings)["epochs"]] == [0, 1, 2]


@pytest.mark.parametrize(
    "changes",
    [{}, {"class_weights": "inverse"}, {"sampling": "class_aware", "batch_tokens": 100, "train": "lora"}],
    ids=["plain", "weighted", "token budget"],
)
def test_micro_batches_add_up_to_the_step(
    workspace: Path, backbone_without_dropout: Backbone, changes: dict[str, Any]
) -> None:
    lora = LoraParams(rank=2, alpha=8, dropout=0.0, targets=None)
    settings = model_params(backbone_without_dropout, head_start="random", lora=lora, **changes)
    expected_losses, expected_logits = train_and_read(settings)
    losses, logits = train_and_read(with_changes(settings, accumulation=3))
    np.testing.assert_allclose(losses, expected_losses, atol=1e-5)
    np.testing.assert_allclose(logits, expected_logits, atol=1e-4)
