"""Two processes train what one trains: the same rows, once, and the same weights."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support.tiny_task import ROOT, digests, embed, model_params, with_changes

from complaints.engine import device as engine_device
from complaints.engine import distributed
from complaints.engine.distributed import micro_batches
from complaints.finetuning.params import ModelParams
from complaints.scoring.predictions import read_predictions

# Runs the stage; with KILL_AT, the second process dies right after that step.
DRIVER = """
import os, runpy, signal, sys
from complaints.engine import loop

whole_step = loop._train_step
steps = 0

def counted(*arguments):
    global steps
    result = whole_step(*arguments)
    steps += 1
    if steps == int(os.environ.get("KILL_AT", 0)) and os.environ["RANK"] == "1":
        os.kill(os.getpid(), 9)
    return result

loop._train_step = counted
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 4))
def test_micro_batches_of_all_processes_are_the_batch(rows, processes, accumulation):
    cut = [micro_batches(rows, process, processes, accumulation) for process in range(processes)]
    counted = [micro_batch.positions for each in cut for micro_batch in each if micro_batch.counts]
    assert sorted(np.concatenate(counted).tolist()) == list(range(rows))
    assert {len(each) for each in cut} == {accumulation}  # all take part in every exchange
    assert all(len(micro_batch.positions) for each in cut for micro_batch in each)
    alone = {m.index: m.positions.tolist() for m in micro_batches(rows, 0, 1, processes * accumulation)}
    assert alone == {m.index: m.positions.tolist() for each in cut for m in each}


def launch(launcher: list[str], **environment: str) -> subprocess.CompletedProcess:
    command = [*launcher, "driver.py", str(ROOT / "stages/finetune.py"), "net"]
    path = {"PYTHONPATH": str(ROOT / "src"), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, env=os.environ | path | environment, text=True, capture_output=True, check=False)


def write_params(settings: ModelParams) -> None:
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["models"] = {"net": values["models"]["minilm"] | settings.model_dump(mode="json")}
    YAML().dump(values, Path("params.yaml"))


TORCHRUN = ["torchrun", "--standalone", "--nproc-per-node", "2"]
# The flag stands for torch's own launcher, on processors too; with --cpu several processes need MPI.
ACCELERATE = ["accelerate", "launch", "--multi_gpu", "--num_processes", "2"]


def read_run() -> tuple[pd.DataFrame, np.ndarray]:
    """Return the history of the steps and the logits of the test rows."""
    return pd.read_csv("reports/training/net/steps.csv"), read_predictions("predictions/net.parquet")["test"][1]


def assert_alike(one: tuple[pd.DataFrame, np.ndarray], other: tuple[pd.DataFrame, np.ndarray]) -> None:
    np.testing.assert_allclose(one[0]["loss"], other[0]["loss"], atol=1e-4)
    np.testing.assert_allclose(one[0]["gradient_norm"], other[0]["gradient_norm"], rtol=1e-3)
    np.testing.assert_allclose(one[1], other[1], atol=1e-3)


@pytest.mark.parametrize(("device", "expected"), [("cuda", True), ("cpu", False)])
def test_gpus_compute_deterministically_before_anything_else(monkeypatch, device, expected):
    monkeypatch.setattr(distributed, "Accelerator", lambda **how: torch.are_deterministic_algorithms_enabled())
    monkeypatch.setattr(engine_device, "keep_freed_memory", lambda: None)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        assert distributed.make_accelerator(device, "fp32") is expected
        assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) is expected
    finally:
        torch.use_deterministic_algorithms(False)
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.fixture(autouse=True)
def driver(workspace: Path) -> None:
    (workspace / "driver.py").write_text(DRIVER)


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_resume_with_the_same_bytes(backbone):
    recipe = {"head_start": "random", "class_weights": "inverse", "precision": "bf16"}
    write_params(model_params(backbone, accumulation=2, **recipe))
    embed("net", model_params(backbone, **recipe))

    done = launch(TORCHRUN)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 3: validation loss") == 1  # one of them reports
    assert not list(Path("scratch/finetune/net").glob("*"))
    two, run_of_two = digests(), read_run()

    killed = launch(TORCHRUN, KILL_AT="13")
    assert killed.returncode != 0
    assert f"-{signal.SIGKILL:d}" in killed.stderr
    assert sorted(file.name for file in Path("scratch/finetune/net").glob("*/step-*"))[-1] == "step-00000012"
    resumed = launch(ACCELERATE)
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 1: validation loss" not in resumed.stderr
    assert digests() == two

    # The same four pieces of each step, dropout included, in one process.
    write_params(model_params(backbone, accumulation=4, **recipe))
    alone = launch([sys.executable])
    assert alone.returncode == 0, alone.stderr
    assert_alike(run_of_two, read_run())


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
def test_every_way_to_train_goes_with_two_processes(backbone, recipe):
    settings = model_params(backbone, epochs=2, **recipe)
    embed("net", settings)
    write_params(with_changes(settings, accumulation=2))
    alone = launch([sys.executable])
    assert alone.returncode == 0, alone.stderr
    run_of_one = read_run()
    write_params(settings)
    together = launch(TORCHRUN)
    assert together.returncode == 0, together.stderr
    assert_alike(run_of_one, read_run())
