"""Distributed processes compute the micro-batches, losses and weights of one process."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.launch import ACCELERATE, ALONE, TORCHRUN, launch, write_params
from support.tiny_task import digests, embed, model_params, with_changes

from complaints.backbones.resolve import Backbone
from complaints.engine import device as engine_device
from complaints.engine import distributed
from complaints.engine.distributed import micro_batches
from complaints.scoring.predictions import read_predictions


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 4))
def test_micro_batches_of_all_processes_are_the_batch(rows: int, processes: int, accumulation: int) -> None:
    cut = [micro_batches(rows, process, processes, accumulation) for process in range(processes)]
    counted = [micro_batch.positions for each in cut for micro_batch in each if micro_batch.counts]
    assert sorted(np.concatenate(counted).tolist()) == list(range(rows))
    assert {len(each) for each in cut} == {accumulation}  # all take part in every exchange
    assert all(len(micro_batch.positions) for each in cut for micro_batch in each)
    alone = {
        micro_batch.index: micro_batch.positions.tolist()
        for micro_batch in micro_batches(rows, 0, 1, processes * accumulation)
    }
    assert alone == {micro_batch.index: micro_batch.positions.tolist() for each in cut for micro_batch in each}


def read_run() -> tuple[pd.DataFrame, np.ndarray]:
    """Return the history of the steps and the logits of the test rows."""
    return pd.read_csv("reports/training/net/steps.csv"), read_predictions("predictions/net.parquet")["test"][1]


def assert_close(one: tuple[pd.DataFrame, np.ndarray], other: tuple[pd.DataFrame, np.ndarray]) -> None:
    np.testing.assert_allclose(one[0]["loss"], other[0]["loss"], atol=1e-4)
    np.testing.assert_allclose(one[0]["gradient_norm"], other[0]["gradient_norm"], rtol=1e-3)
    np.testing.assert_allclose(one[1], other[1], atol=1e-3)


@pytest.mark.parametrize(("device", "expected"), [("cuda", True), ("cpu", False)])
def test_gpus_compute_deterministically_from_the_first_operation(
    monkeypatch: pytest.MonkeyPatch, device: str, expected: bool
) -> None:
    monkeypatch.setattr(distributed, "Accelerator", lambda **how: torch.are_deterministic_algorithms_enabled())
    monkeypatch.setattr(engine_device, "keep_freed_memory", lambda: None)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        assert distributed.make_accelerator(device, "fp32") is expected
        assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) is expected
    finally:
        torch.use_deterministic_algorithms(False)
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_and_resume_exactly(workspace: Path, backbone: Backbone) -> None:
    recipe = {"head_start": "random", "class_weights": "inverse", "precision": "bf16"}
    write_params(model_params(backbone, accumulation=2, **recipe))
    embed("net", model_params(backbone, **recipe))

    done = launch(TORCHRUN, "finetune")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 3: validation loss") == 1  # rank 0 reports
    assert not list(Path("scratch/finetune/net").glob("*"))
    two, run_of_two = digests(), read_run()

    killed = launch(TORCHRUN, "finetune", KILL_AT="13")
    assert killed.returncode != 0
    assert f"-{signal.SIGKILL:d}" in killed.stderr
    assert sorted(file.name for file in Path("scratch/finetune/net").glob("*/step-*"))[-1] == "step-00000012"
    resumed = launch(ACCELERATE, "finetune")
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 1: validation loss" not in resumed.stderr
    assert digests() == two

    # One process with the same four micro-batches of each step, dropout included.
    write_params(model_params(backbone, accumulation=4, **recipe))
    alone = launch(ALONE, "finetune")
    assert alone.returncode == 0, alone.stderr
    assert_close(run_of_two, read_run())


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        {"train": "lora", "batch_tokens": 100, "sampling": "class_aware", "loss": "focal"},
        {"train": "head", "loss": "logit_adjusted", "head_start": "names"},
        {"freeze_layers": 1, "packing": "always", "batch_tokens": 100, "class_weights": "sqrt_inverse"},
    ],
    ids=lambda recipe: "-".join(map(str, recipe.values())),
)
def test_every_way_of_training_has_the_losses_of_one_process_in_two(
    workspace: Path, backbone: Backbone, recipe: dict[str, Any]
) -> None:
    settings = model_params(backbone, epochs=2, **recipe)
    embed("net", settings)
    write_params(with_changes(settings, accumulation=2))
    alone = launch(ALONE, "finetune")
    assert alone.returncode == 0, alone.stderr
    run_of_one = read_run()
    write_params(settings)
    together = launch(TORCHRUN, "finetune")
    assert together.returncode == 0, together.stderr
    assert_close(run_of_one, read_run())
