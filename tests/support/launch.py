"""Training stages as processes of their own, one or several together."""

import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from complaints.finetuning.params import ModelParams
from support.paths import ROOT

DRIVER = """
import os, runpy, sys
from complaints.core import files

replacing_folder = files.replacing_folder

def reported(path):
    print(f"rank {os.environ.get('RANK', 0)} writes {path}", file=sys.stderr, flush=True)
    return replacing_folder(path)

files.replacing_folder = reported  # before other modules import it

from complaints.engine import loop

train_step = loop._train_step
steps = 0

def counted(*arguments):
    global steps
    result = train_step(*arguments)
    steps += 1
    if steps == int(os.environ.get("KILL_AT", 0)) and os.environ["RANK"] == "1":
        os.kill(os.getpid(), 9)
    return result

loop._train_step = counted
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
"""Runs a stage script and reports the folders that each rank writes; rank 1 kills itself after step KILL_AT."""

TORCHRUN = ["torchrun", "--standalone", "--nproc-per-node", "2"]
# Despite its name the flag selects torch's own launcher, on processors too; with --cpu, several processes need MPI.
ACCELERATE = ["accelerate", "launch", "--multi_gpu", "--num_processes", "2"]
ALONE = [sys.executable]


def launch(launcher: list[str], stage: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a stage script for the entry `net` in the working directory, and return the finished process."""
    Path("driver.py").write_text(DRIVER)
    command = [*launcher, "driver.py", str(ROOT / f"stages/{stage}.py"), "net"]
    path = {"PYTHONPATH": str(ROOT / "src"), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, env=os.environ | path | environment, text=True, capture_output=True, check=False)


def write_params(params: ModelParams, pretrain: dict[str, object] | None = None, tracking: bool = True) -> None:
    """Write the committed params.yaml with the single entry `net` to the working directory."""
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    entry = values["models"]["minilm"] | params.model_dump(mode="json")
    entry["pretrain"] |= pretrain or {}
    values["models"] = {"net": entry}
    values["tracking"]["enabled"] = tracking
    YAML().dump(values, Path("params.yaml"))
