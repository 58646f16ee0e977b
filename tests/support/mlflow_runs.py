"""Runs in an MLflow store, asked of MLflow itself."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from complaints.tracking.params import TrackingParams
from complaints.tracking.store import sqlite_uri
from support import mini_pipeline

ON = TrackingParams(enabled=True, experiment="mini")
TRACKED = ["baseline", "evaluate", "finetune@a", "finetune@b"]
"""Stages of the small repository that have runs."""


def client_of(root: Path, uri: str | None = None) -> Any:
    """Return a client of the store at `uri`, by default that of the project in `root`."""
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri or sqlite_uri(root / "mlflow.db"))


def runs(root: Path, uri: str | None = None, experiment: str = "mini") -> list[Any]:
    """Return the active runs, sorted by name."""
    client = client_of(root, uri)
    found = client.get_experiment_by_name(experiment)
    active = client.search_runs([found.experiment_id]) if found else []
    return sorted(active, key=lambda run: run.info.run_name)


def names(root: Path) -> list[str]:
    """Return the names of the active runs."""
    return [run.info.run_name for run in runs(root)]


def history(root: Path, run: Any, key: str, uri: str | None = None) -> list[tuple[int, float]]:
    """Return the points of a metric as (step, value), sorted."""
    points = client_of(root, uri).get_metric_history(run.info.run_id, key)
    return sorted((point.step, point.value) for point in points)


def free_port() -> int:
    """Return a port of this machine that is not in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_healthy(uri: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)


@contextmanager
def running_server(command: list[str], port: int, folder: Path) -> Iterator[str]:
    """Run a server of MLflow on loopback and yield its address."""
    uri = f"http://127.0.0.1:{port}"
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=mini_pipeline.environment(), start_new_session=True
        )
    try:
        _wait_until_healthy(uri, server, folder / "log")
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # its workers too
        server.wait()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run `mlflow server` with a store and artifacts in `folder` and yield its address."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", sqlite_uri(folder / "store.db"), "--artifacts-destination", str(folder / "a")]
    with running_server(command, port, folder) as uri:
        yield uri
