"""Averaged weights: their values by hand, and what validation and the checkpoint have of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from support.tiny_task import model_params, newest_checkpoint, run
from torch import nn

from complaints.backbones.resolve import Backbone
from complaints.engine import loop
from complaints.engine.averaging import AverageSettings, WeightAverage
from complaints.engine.checkpoints import restore_parameters


def line(value: float) -> nn.Linear:
    model = nn.Linear(1, 1)
    set_to(model, value)
    return model


def set_to(model: nn.Module, value: float) -> None:
    restore_parameters(model, {"weight": torch.full((1, 1), value), "bias": torch.full((1,), -value)})


def averaged(average: WeightAverage) -> tuple[float, float]:
    with average.in_place():
        return average.model.weight.item(), average.model.bias.item()  # type: ignore[operator]


def test_the_moving_average_is_that_computed_by_hand() -> None:
    model = line(1.0)
    average = WeightAverage(model, AverageSettings("ema", 0.3, 1))
    average.begin()
    expected = 1.0
    for step, (value, decay) in enumerate([(2.0, 2 / 11), (4.0, 0.25), (8.0, 0.3), (16.0, 0.3)], 1):
        set_to(model, value)
        average.after_step(step)
        average.after_epoch(step)
        expected = decay * expected + (1 - decay) * value
        assert averaged(average) == pytest.approx((expected, -expected))
        assert model.weight.item() == value


def test_the_mean_of_the_last_epochs_has_neither_the_initial_weights_nor_older_epochs() -> None:
    model = line(100.0)
    average = WeightAverage(model, AverageSettings("last_k", 0.5, 2))
    average.begin()
    assert averaged(average)[0] == 100.0
    for epoch, (value, expected) in enumerate([(1.0, 1.0), (3.0, 2.0), (7.0, 5.0)], 1):
        set_to(model, value)
        average.after_step(epoch)
        average.after_epoch(epoch)
        assert averaged(average)[0] == expected


@pytest.mark.parametrize("kind", ["ema", "last_k"])
def test_the_state_restores_the_average(kind: Any) -> None:
    model = line(1.0)
    average, other = (WeightAverage(model, AverageSettings(kind, 0.3, 3)) for _ in range(2))
    average.begin()
    for step in (1, 2):
        set_to(model, float(step))
        average.after_step(step)
        average.after_epoch(step)
    other.restore(average.state())
    set_to(model, 9.0)
    for one in (average, other):
        one.after_step(3)
        one.after_epoch(3)
    assert averaged(average) == averaged(other)


def test_training_validates_and_keeps_the_average(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    """The head of the checkpoint is the average in the training's last state, not the last weights."""
    monkeypatch.setattr(loop.Checkpoints, "discard", lambda self: None)
    changes: dict[str, Any] = {"finetune.average.kind": "ema", "finetune.average.decay": 0.8}
    record = run(model_params(backbone, epochs=1, head_start="random", **changes))
    last = newest_checkpoint()
    assert record["best_epoch"] == 1
    saved = load_file("models/net/head.safetensors")["weight"]
    own, average = load_file(last / "model")["head.weight"], load_file(last / "average")["0.head.weight"]
    assert torch.equal(saved, average)
    assert not torch.equal(saved, own)
    plain = run(model_params(backbone, epochs=1, head_start="random"))
    losses = [[epoch["validation_loss"] for epoch in one["epochs"]] for one in (record, plain)]
    assert losses[0][0] == losses[1][0]
    assert losses[0][1] != losses[1][1]
