"""Runs in an MLflow store, asked of MLflow itself."""

import json
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

import pytest

from complaints.core.dvc_lock import hash_path, read_lock
from complaints.lineage.lock import stage_inputs_hash
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_stage
from complaints.tracking.store import sqlite_uri
from support import mini_pipeline

ON = TrackingParams(enabled=True, experiment="mini")
TRACKED = ["baseline", "evaluate", "finetune@a", "finetune@b"]
"""Stages of the small repository that have runs."""


def client_of(root: Path, uri: str | None = None) -> Any:
    """Return a client of the store at `uri`, by default that of the project in `root`."""
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri or sqlite_uri(root / "mlflow.db"))


def all_runs(root: Path, uri: str | None = None, experiment: str = "mini") -> list[Any]:
    """Return the active runs, newest first."""
    client = client_of(root, uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


def runs(root: Path, uri: str | None = None, experiment: str = "mini") -> list[Any]:
    """Return the active runs of stages, sorted by stage."""
    of_stages = [run for run in all_runs(root, uri, experiment) if "stage" in run.data.tags]
    return sorted(of_stages, key=lambda run: run.data.tags["stage"])


def rows(root: Path, parent: Any) -> list[Any]:
    """Return the active runs of the rows of a scoreboard, sorted by name."""
    children = [run for run in all_runs(root) if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    of_rows = [run for run in children if "scoreboard_row" in run.data.tags]
    return sorted(of_rows, key=lambda run: run.info.run_name)


def stages(root: Path, uri: str | None = None, experiment: str = "mini") -> list[str]:
    """Return the stages of the active runs."""
    return [run.data.tags["stage"] for run in runs(root, uri, experiment)]


def history(root: Path, run: Any, key: str, uri: str | None = None) -> list[tuple[int, float]]:
    """Return the points of a metric as (step, value), sorted."""
    points = client_of(root, uri).get_metric_history(run.info.run_id, key)
    return sorted((point.step, point.value) for point in points)


def log_finetune(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log the stage finetune@a as the process that DVC starts does."""
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    log_stage(ON)
    monkeypatch.delenv("DVC_STAGE")


def check_finetune(root: Path, run: Any, uri: str | None = None) -> None:
    """Assert that a run shows parameters, metrics, tags, datasets and artifacts of finetune@a."""
    stage = read_lock(root / "dvc.lock")["finetune@a"]
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "models.a.backbone": "x",
        "models.a.learning_rate": "5e-05",
        "models.a.flag": "true",
    }
    assert history(root, run, "loss", uri) == [(step, 5e-05 / step) for step in (1, 2, 3, 4)]
    assert history(root, run, "validation_macro_f1", uri) == [(2, 0.5), (4, 0.25)]
    assert run.data.metrics["best_validation_macro_f1"] == 0.5
    assert "epoch" not in run.data.metrics
    tags = run.data.tags
    assert (tags["stage"], tags["fingerprint"], tags["synthetic"]) == ("finetune@a", stage_inputs_hash(stage), "true")
    assert tags["params_md5"] == hash_path(root, "params.yaml")
    assert tags["model_md5"] == hash_path(root, "models/a")
    inputs = {i.dataset.name: (i.dataset.digest, i.tags[0].value) for i in run.inputs.dataset_inputs}
    assert inputs == {name: (hash_path(root, name), "training") for name in ("data/splits", "data/tokens/a")}
    client = client_of(root, uri)
    files = {
        f.path for folder in ("models/a", "reports/training/a") for f in client.list_artifacts(run.info.run_id, folder)
    }
    assert files == {"models/a/training.json", "reports/training/a/steps.csv", "reports/training/a/epochs.csv"}
    copied = Path(client.download_artifacts(run.info.run_id, "reports/training/a/steps.csv"))
    assert copied.read_bytes() == (root / "reports/training/a/steps.csv").read_bytes()


def sync_in_a_new_process(root: Path) -> dict[str, Any]:
    """Return the stages that `sync` logged and the slow packages that it imported."""
    code = """if True:
        import json, sys
        from pathlib import Path
        from complaints.tracking.params import TrackingParams
        from complaints.tracking.sync import sync
        logged = sync(Path("."), TrackingParams(enabled=True, experiment="mini"))
        print(json.dumps({"logged": sorted(logged), "imported": sorted({"mlflow", "dvc"} & set(sys.modules))}))
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env=mini_pipeline.environment(),
        cwd=root,
        capture_output=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


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
def running_server(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[str]:
    """Run a server of MLflow on loopback, with more variables, and yield its address."""
    uri = f"http://127.0.0.1:{port}"
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=mini_pipeline.environment(**environment),
            start_new_session=True,
        )
    try:
        _wait_until_healthy(uri, server, folder / "log")
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # its workers too
        server.wait()


@contextmanager
def mlflow_server(
    folder: Path, store: str | None = None, artifacts: str | None = None, **environment: str
) -> Iterator[str]:
    """Run `mlflow server` and yield its address; its store and artifacts are in `folder` unless named."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store or sqlite_uri(folder / "store.db")]
    command += ["--artifacts-destination", artifacts or str(folder / "a")]
    with running_server(command, port, folder, **environment) as uri:
        yield uri
