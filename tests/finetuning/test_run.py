"""Fine-tuning of a tiny model: its outputs, the effect of its parameters, its errors."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support.launch import write_params
from support.paths import ROOT
from support.tiny_task import model_params, run, tokenize, train_and_read

from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import SPLIT_SCHEMA
from complaints.engine import loop
from complaints.engine.checkpoints import Progress
from complaints.finetuning.params import ModelParams
from complaints.predicting.checkpoint import Predictor
from complaints.scoring.predictions import read_predictions
from complaints.subsets.fractions import nested_fraction


def fill_memory(*_: Any) -> None:
    torch.empty(2**60)


def fill_gpu(*_: Any) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def use_an_operation_without_deterministic_form(*_: Any) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        torch.zeros(2).put_(torch.tensor([0, 0]), torch.ones(2))
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (fill_memory, "^memory is full; raise finetune.accumulation .*, then run this again$"),
        (fill_gpu, "^the GPU's memory is full; raise finetune.accumulation .* or lower finetune.batch_tokens or"),
        (
            use_an_operation_without_deterministic_form,
            "^torch has no deterministic form of put_, which this model needs, on this GPU",
        ),
    ],
)
def test_failure_of_the_device_is_one_line(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, step: Callable[..., None], said: Any
) -> None:
    settings = model_params(backbone)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train_step", step)
        with pytest.raises(UserError, match=said) as raised:
            run(settings)
    assert "\n" not in str(raised.value)
    assert not Path("models/net").exists()


def test_prediction_is_without_dropout(workspace: Path, backbone: Backbone) -> None:
    run(model_params(backbone, epochs=1))
    predictor = Predictor(Path("models/net"))
    texts = ["the bank card", "late fee"]
    assert np.array_equal(predictor.logits(texts), predictor.logits(texts))


def test_every_option_changes_the_training(workspace: Path, backbone: Backbone) -> None:
    changes: list[dict[str, Any]] = [
        *({"loss": loss} for loss in ("focal", "logit_adjusted")),
        *({"class_weights": weights} for weights in ("inverse", "sqrt_inverse", "effective")),
        *({"sampling": sampling} for sampling in ("class_aware", "sqrt")),
        *({"schedule": schedule} for schedule in ("cosine", "constant")),
        {"label_smoothing": 0.1},
        {"layer_decay": 0.8},
    ]
    norms = set()
    for options in [{}, *changes]:
        run(model_params(backbone, epochs=1, head_start="random", **options))
        norms.add(Path("reports/training/net/steps.csv").read_text().rpartition(",")[2])
    assert len(norms) == 1 + len(changes)


@pytest.fixture
def stage_script() -> Any:
    """The module of the stage script finetune."""
    spec = importlib.util.spec_from_file_location("finetune_stage", ROOT / "stages/finetune.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("rate", "rank", "warnings"),
    [
        (1e-3, "0", ["warning: models.net.finetune.optimizer.learning_rate 0.001 is unusually high: "]),
        (1e-3, "1", []),
        (1e-4, "0", []),
    ],
)
def test_stage_script_warns_of_unusual_learning_rates_once(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    backbone: Backbone,
    stage_script: Any,
    rate: float,
    rank: str,
    warnings: list[str],
) -> None:
    write_params(model_params(backbone, learning_rate=rate), tracking=False)
    trained = []

    def finetune(params: ModelParams, *files: Any) -> Any:
        trained.append(params.finetune)
        return SimpleNamespace(progress=Progress())

    monkeypatch.setattr(stage_script, "finetune", finetune)
    monkeypatch.setattr(stage_script.training_time, "save", lambda *time: None)
    monkeypatch.setattr(sys, "argv", ["stages/finetune.py", "net"])
    monkeypatch.setenv("RANK", rank)
    stage_script.main()
    assert [params.optimizer.learning_rate for params in trained] == [rate]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(warnings)
    assert all(line.startswith(warning) for line, warning in zip(lines, warnings, strict=True))


def test_training_on_a_fraction_is_training_on_its_rows_alone(workspace: Path, backbone: Backbone) -> None:
    """The head begins as a linear probe, so its features are those of the fraction, too."""
    table = read_parquet("data/splits/train.parquet")
    rows = nested_fraction(table["group"].to_pylist(), table["label_id"].to_numpy(), 0.5, 13)
    record = run(model_params(backbone, **{"finetune.train_fraction": 0.5}))
    assert record["train_rows"] == len(rows) < len(table)
    assert record["params"]["finetune"]["train_fraction"] == 0.5
    losses = Path("reports/training/net/steps.csv").read_text()
    logits = read_predictions("predictions/net.parquet")["test"][1]

    write_parquet("data/splits/train.parquet", SPLIT_SCHEMA, [table.take(rows)])
    tokenize("net", backbone)
    run(model_params(backbone))
    assert Path("reports/training/net/steps.csv").read_text() == losses
    assert np.array_equal(read_predictions("predictions/net.parquet")["test"][1], logits)


def test_a_frozen_model_is_fitted_to_a_fraction(workspace: Path, backbone: Backbone) -> None:
    whole = train_and_read(model_params(backbone, train="frozen"))[1]
    part = train_and_read(model_params(backbone, train="frozen", **{"finetune.train_fraction": 0.2}))[1]
    assert not np.allclose(whole, part)
