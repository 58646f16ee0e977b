"""Two processes train what one trains: the same rows, once, and the same weights."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tiny_models import save_bert
from tiny_task import ROOT, digests, model_params, resolve, run, tokenize, write_splits

from complaints.predictions import read_predictions
from complaints.processes import pieces

# Runs the stage; with KILL_AT, the second process dies right after that step.
DRIVER = """
import os, runpy, signal, sys
from complaints import training

whole_step = training._train_step
steps = 0

def counted(*arguments):
    global steps
    result = whole_step(*arguments)
    steps += 1
    if steps == int(os.environ.get("KILL_AT", 0)) and os.environ["RANK"] == "1":
        os.kill(os.getpid(), 9)
    return result

training._train_step = counted
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 4))
def test_pieces_of_all_processes_are_the_batch(rows, processes, accumulation):
    batch = np.random.default_rng(0).permutation(rows)
    cut = [list(pieces(batch, process, processes, accumulation)) for process in range(processes)]
    counted = [piece.rows for each in cut for piece in each if piece.counts]
    assert sorted(np.concatenate(counted).tolist()) == list(range(rows))
    assert {len(each) for each in cut} == {accumulation}  # all take part in every exchange
    assert all(len(piece.rows) for each in cut for piece in each)
    whole = {piece.number: piece.rows.tolist() for piece in pieces(batch, 0, 1, processes * accumulation)}
    assert whole == {piece.number: piece.rows.tolist() for each in cut for piece in each}


def launch(launcher: list[str], **environment: str) -> subprocess.CompletedProcess:
    command = [*launcher, "driver.py", str(ROOT / "stages/finetune.py"), "net"]
    path = {"PYTHONPATH": str(ROOT / "src"), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, env=os.environ | path | environment, text=True, capture_output=True, check=False)


TORCHRUN = ["torchrun", "--standalone", "--nproc-per-node", "2"]
# The flag stands for torch's own launcher, on processors too; with --cpu several processes need MPI.
ACCELERATE = ["accelerate", "launch", "--multi_gpu", "--num_processes", "2"]


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_resume_with_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backbone = resolve(save_bert(tmp_path / "bert"))
    write_splits()
    tokenize("net", backbone)
    settings = model_params(backbone, head_start="random", accumulation=2, precision="bf16")
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["models"] = {"net": asdict(settings)}
    YAML().dump(values, Path("params.yaml"))
    Path("driver.py").write_text(DRIVER)

    done = launch(TORCHRUN)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 3: validation loss") == 1  # one of them reports
    assert not list(Path("scratch/finetune/net").glob("*"))
    two = digests()
    steps = pd.read_csv("reports/training/net/steps.csv")
    logits = read_predictions("predictions/net.parquet")["test"]

    killed = launch(TORCHRUN, KILL_AT="13")
    assert killed.returncode != 0
    assert f"-{signal.SIGKILL:d}" in killed.stderr
    assert sorted(file.name for file in Path("scratch/finetune/net").glob("*/step-*"))[-1] == "step-00000012"
    resumed = launch(ACCELERATE)
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 1: validation loss" not in resumed.stderr
    assert digests() == two

    # The same four pieces of each step, dropout included, in one process.
    run(model_params(backbone, head_start="random", accumulation=4, precision="bf16"))
    alone = pd.read_csv("reports/training/net/steps.csv")
    alone_logits = read_predictions("predictions/net.parquet")["test"]
    np.testing.assert_allclose(steps["loss"], alone["loss"], atol=1e-4)
    np.testing.assert_allclose(steps["gradient_norm"], alone["gradient_norm"], rtol=1e-3)
    assert logits[0] == alone_logits[0]
    np.testing.assert_allclose(logits[1], alone_logits[1], atol=1e-3)
