"""Stages as runs in MLflow: what a run shows, and that there is one for each stage and its inputs, come what may."""

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
from support import mini_pipeline

from complaints.lineage.lock import fingerprint, hash_path, read_lock
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import _is_installed, importlib, log_history, log_stage, start_run, sync

ON = TrackingParams(enabled=True, experiment="mini")
TRACKED = ["baseline", "evaluate", "finetune@a", "finetune@b"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mini_pipeline.make(tmp_path_factory.mktemp("tracking") / "repo")


@pytest.fixture
def repo(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    root = mini_pipeline.copy(made, tmp_path / "repo")
    monkeypatch.chdir(root)
    return root


def runs(root: Path, uri: str | None = None) -> list[Any]:
    """Return the active runs by name, in a store of their own or in the one at `uri`."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri or f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mini")
    found = client.search_runs([experiment.experiment_id]) if experiment else []
    return sorted(found, key=lambda run: run.info.run_name)


def names(root: Path) -> list[str]:
    return [run.info.run_name for run in runs(root)]


def log_finetune(monkeypatch: pytest.MonkeyPatch, stage: str = "finetune@a") -> None:
    monkeypatch.setenv("DVC_STAGE", stage)
    log_stage(ON)
    monkeypatch.delenv("DVC_STAGE")


def history(root: Path, run: Any, key: str, uri: str | None = None) -> list[tuple[int, float]]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri or f"sqlite:///{root / 'mlflow.db'}")
    return sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, key))


def check_finetune(root: Path, run: Any, uri: str | None = None) -> None:
    """Assert that a run shows all there is to know of finetune@a."""
    from mlflow.tracking import MlflowClient

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
    assert (tags["stage"], tags["fingerprint"], tags["synthetic"]) == ("finetune@a", fingerprint(stage), "true")
    assert tags["params_md5"] == hash_path(root, "params.yaml")
    assert tags["model_md5"] == hash_path(root, "models/a")
    inputs = {i.dataset.name: (i.dataset.digest, i.tags[0].value) for i in run.inputs.dataset_inputs}
    assert inputs == {name: (hash_path(root, name), "training") for name in ("data/splits", "data/tokens/a")}
    client = MlflowClient(tracking_uri=uri or f"sqlite:///{root / 'mlflow.db'}")
    files = {
        f.path for folder in ("models/a", "reports/training/a") for f in client.list_artifacts(run.info.run_id, folder)
    }
    assert files == {"models/a/training.json", "reports/training/a/steps.csv", "reports/training/a/epochs.csv"}
    copied = Path(client.download_artifacts(run.info.run_id, "reports/training/a/steps.csv"))
    assert copied.read_bytes() == (root / "reports/training/a/steps.csv").read_bytes()


def test_a_stage_logs_all_there_is_to_know_of_it(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_finetune(monkeypatch)
    (run,) = runs(repo)
    check_finetune(repo, run)
    assert "lock_md5" not in run.data.tags  # dvc.lock is not whole before the last stage has ended
    assert {path.name for path in repo.iterdir()} >= {"mlflow.db", "mlartifacts"}


def test_sync_adds_the_runs_that_are_missing_and_binds_all_to_the_lock(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_finetune(monkeypatch)
    assert sorted(sync(repo, ON)) == ["baseline", "evaluate", "finetune@b"]
    assert names(repo) == TRACKED
    assert {run.data.tags["lock_md5"] for run in runs(repo)} == {hash_path(repo, "dvc.lock")}
    assert sync(repo, ON) == []
    assert names(repo) == TRACKED
    evaluate = runs(repo)[1]
    assert evaluate.data.metrics == {"a/test/macro_f1": 0.25, "a/test/classes": 3.0}
    assert evaluate.inputs.dataset_inputs[0].tags[0].value == "evaluation"


def sync_in_a_new_process(repo: Path) -> dict[str, Any]:
    """Return what `sync` logged, and which of the slow packages it imported."""
    code = """if True:
        import json, sys
        from pathlib import Path
        from complaints.tracking.params import TrackingParams
        from complaints.tracking.stages import sync
        logged = sync(Path("."), TrackingParams(True, "mini"))
        print(json.dumps({"logged": sorted(logged), "imported": sorted({"mlflow", "dvc"} & set(sys.modules))}))
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env=mini_pipeline.environment(),
        cwd=repo,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def test_a_store_that_is_gone_is_made_again_and_a_whole_one_costs_no_import(repo: Path) -> None:
    assert sync_in_a_new_process(repo) == {"logged": TRACKED, "imported": ["mlflow"]}
    assert sync_in_a_new_process(repo) == {"logged": [], "imported": []}
    (repo / "mlflow.db").unlink()
    assert sync_in_a_new_process(repo)["logged"] == TRACKED
    check_finetune(repo, runs(repo)[2])


def test_sync_leaves_out_a_stage_whose_outputs_are_not_those_of_the_lock(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "models/a/weights.bin").unlink()
    (repo / "models/a/weights.bin").write_text("other")
    assert "finetune@a" not in sync(repo, ON)
    assert "finetune@a" not in names(repo)
    assert "no run for finetune@a: its outputs are not those of dvc.lock" in capsys.readouterr().err


def test_a_killed_stage_goes_on_in_its_run_without_a_point_twice(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    killed = start_run(ON)
    log_history(killed, [{"step": step, "loss": 5e-05 / step} for step in (1, 2)])
    assert [run.info.status for run in runs(repo)] == ["RUNNING"]
    run = start_run(ON)
    assert killed is not None
    assert run is not None
    assert run.run_id == killed.run_id
    log_history(run, [{"step": step, "loss": 5e-05 / step} for step in (1, 2, 3)])
    log_stage(ON, run)
    (finished,) = runs(repo)
    check_finetune(repo, finished)


def test_the_same_outcome_again_is_no_second_run_and_another_outcome_is(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    log_stage(ON)
    log_stage(ON)
    log_stage(ON, start_run(ON))
    assert names(repo) == ["finetune@a"]
    (repo / "models/a/weights.bin").unlink()
    (repo / "models/a/weights.bin").write_text("what another card makes of it")
    log_stage(ON, start_run(ON))
    assert names(repo) == ["finetune@a", "finetune@a"]
    assert len({run.data.tags["model_md5"] for run in runs(repo)}) == 2


def test_long_histories_go_in_batches_and_words_and_blanks_are_no_metrics(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    run = start_run(ON)
    assert run is not None
    calls = []
    log_batch = run.client.log_batch
    run.client.log_batch = lambda *a, **k: (calls.append(len(k.get("metrics", []))), log_batch(*a, **k))
    log_history(run, [{"step": s, "split": "train", "accuracy": None, "f1": "", "loss": 1} for s in range(2500)])
    assert calls == [1000, 1000, 500]
    assert set(runs(repo)[0].data.metrics) == {"loss"}
    assert len(history(repo, runs(repo)[0], "loss")) == 2500


def test_git_tells_which_commit_and_whether_code_differed(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "add", "src", "stages", "dvc.yaml", "params.yaml"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "x"], check=True)
    log_finetune(monkeypatch)
    (repo / "src/engine/loop.py").write_text("changed = True\n")
    log_finetune(monkeypatch)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert {run.data.tags["mlflow.source.git.commit"] for run in runs(repo)} == {commit}
    assert sorted(run.data.tags["git_dirty"] for run in runs(repo)) == ["false", "true"]
    assert len({run.data.tags["code_md5"] for run in runs(repo)}) == 2


def test_off_writes_nothing_and_so_does_a_stage_run_by_hand(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in repo.iterdir())
    assert start_run(ON) is None
    log_stage(ON)
    off = TrackingParams(enabled=False, experiment="mini")
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    assert start_run(off) is None
    log_history(None, [{"step": 1, "loss": 1.0}])
    log_stage(off)
    assert sync(repo, off) == []
    assert sorted(path.name for path in repo.iterdir()) == before


def test_without_mlflow_there_is_one_note_and_nothing_else(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    _is_installed.cache_clear()
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    try:
        assert start_run(ON) is None
        log_stage(ON)
        assert sync(repo, ON) == []
    finally:
        _is_installed.cache_clear()
    assert capsys.readouterr().err == "note: mlflow is not installed, so nothing is tracked\n"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_server_that_is_not_there_costs_one_warning_and_no_result(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@{address}")
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    run = start_run(ON)
    assert run is not None
    assert run.lost
    log_history(run, [{"step": 1, "loss": 1.0}])
    log_stage(ON, run)
    error = capsys.readouterr().err
    assert error.count("\n") == error.count("warning: ") == 1
    assert f"http://{address}" in error
    assert "secret" not in error
    assert int(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) <= 1
    assert sync(repo, ON) == []
    assert "warning: " in capsys.readouterr().err
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.delenv("DVC_STAGE")
    assert sorted(sync(repo, ON)) == TRACKED


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run a real MLflow server on loopback and yield its address."""
    folder.mkdir()
    uri = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", uri.rpartition(":")[2]]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'store.db'}", "--artifacts-destination", str(folder / "a")]
    command += ["--workers", "1"]
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=mini_pipeline.environment(), start_new_session=True
        )
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(f"{uri}/health", timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.3)
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # its workers too
        server.wait()


@pytest.mark.slow
def test_a_real_server_gets_runs_with_artifacts_and_datasets(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with mlflow_server(tmp_path / "server") as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("DVC_STAGE", "finetune@a")
        run = start_run(ON)
        log_history(run, [{"step": 1, "loss": 5e-05}])
        log_stage(ON, run)
        check_finetune(repo, runs(repo, uri)[0], uri)
        assert sorted(sync(repo, ON)) == ["baseline", "evaluate", "finetune@b"]
        assert [run.info.run_name for run in runs(repo, uri)] == TRACKED
        assert sync(repo, ON) == []
        artifact = next((tmp_path / "server/a").rglob("bars.png"))
        assert artifact.read_text() == "picture"
    assert not (repo / "mlflow.db").exists()
    assert "warning" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_stage_that_dvc_restores_from_its_cache_keeps_its_one_run(repo: Path) -> None:
    params = repo / "params.yaml"
    original = params.read_text()
    (repo / "dvc.lock").unlink()
    mini_pipeline.dvc(repo, "repro", "--force", "finetune@a", MINI_TRACKING="1")
    params.write_text(original.replace("5e-5", "7e-5"))
    mini_pipeline.dvc(repo, "repro", "finetune@a", MINI_TRACKING="1")
    params.write_text(original)
    assert "is cached - skipping run" in mini_pipeline.dvc(repo, "repro", "finetune@a", MINI_TRACKING="1")
    assert names(repo) == ["finetune@a", "finetune@a"]
    mini_pipeline.dvc(repo, "repro", MINI_TRACKING="1")
    sync(repo, ON)
    assert names(repo) == sorted([*TRACKED, "finetune@a"])
    rates = [run.data.params["models.a.learning_rate"] for run in runs(repo) if run.info.run_name == "finetune@a"]
    assert sorted(rates) == ["5e-05", "7e-05"]
    assert {run.info.status for run in runs(repo)} == {"FINISHED"}
