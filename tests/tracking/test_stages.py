"""Runs of stages in MLflow: their content, and one run per stage and inputs in every case."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import mini_pipeline
from support.mlflow_runs import (
    ON,
    TRACKED,
    check_finetune,
    free_port,
    history,
    log_finetune,
    mlflow_server,
    runs,
    stages,
)

from complaints.core.errors import UserError
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import _note_once, importlib, is_installed, log_history, log_stage, start_run
from complaints.tracking.sync import sync


def test_a_stage_logs_its_parameters_metrics_datasets_and_artifacts(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_finetune(monkeypatch)
    (run,) = runs(in_mini)
    check_finetune(in_mini, run)
    assert "lock_md5" not in run.data.tags  # dvc.lock is complete only after the last stage
    assert {path.name for path in in_mini.iterdir()} >= {"mlflow.db", "mlartifacts"}


def test_a_killed_stage_resumes_its_run_without_repeated_points(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    killed = start_run(ON)
    log_history(killed, [{"step": step, "loss": 5e-05 / step} for step in (1, 2)])
    assert [run.info.status for run in runs(in_mini)] == ["RUNNING"]
    run = start_run(ON)
    assert killed is not None
    assert run is not None
    assert run.run_id == killed.run_id
    log_history(run, [{"step": step, "loss": 5e-05 / step} for step in (1, 2, 3)])
    log_stage(ON, run)
    (finished,) = runs(in_mini)
    check_finetune(in_mini, finished)


def test_equal_outputs_share_one_run_and_other_outputs_get_another(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    log_stage(ON)
    log_stage(ON)
    log_stage(ON, start_run(ON))
    assert stages(in_mini) == ["finetune@a"]
    (in_mini / "models/a/weights.bin").unlink()
    (in_mini / "models/a/weights.bin").write_text("outputs of another GPU")
    log_stage(ON, start_run(ON))
    assert stages(in_mini) == ["finetune@a", "finetune@a"]
    assert len({run.data.tags["model_md5"] for run in runs(in_mini)}) == 2


def test_long_histories_are_logged_in_batches_without_texts_and_blanks(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    run = start_run(ON)
    assert run is not None
    calls = []
    log_batch = run.client.log_batch

    def counting(run_id: str, **entities: Any) -> None:
        calls.append(len(entities.get("metrics", [])))
        log_batch(run_id, **entities)

    run.client.log_batch = counting
    log_history(run, [{"step": s, "split": "train", "accuracy": None, "f1": "", "loss": 1} for s in range(2500)])
    assert calls == [1000, 1000, 500]
    assert set(runs(in_mini)[0].data.metrics) == {"loss"}
    assert len(history(in_mini, runs(in_mini)[0], "loss")) == 2500


def test_tags_name_the_commit_and_uncommitted_code(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "add", "src", "stages", "dvc.yaml", "params.yaml"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "x"], check=True)
    log_finetune(monkeypatch)
    (in_mini / "src/engine/loop.py").write_text("changed = True\n")
    log_finetune(monkeypatch)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert {run.data.tags["mlflow.source.git.commit"] for run in runs(in_mini)} == {commit}
    assert sorted(run.data.tags["git_dirty"] for run in runs(in_mini)) == ["false", "true"]
    assert len({run.data.tags["code_md5"] for run in runs(in_mini)}) == 2


def test_nothing_is_written_without_tracking_or_without_dvc(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in in_mini.iterdir())
    assert start_run(ON) is None
    log_stage(ON)
    off = TrackingParams(enabled=False, experiment="mini")
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    assert start_run(off) is None
    log_history(None, [{"step": 1, "loss": 1.0}])
    log_stage(off)
    assert sync(in_mini, off) == []
    assert sorted(path.name for path in in_mini.iterdir()) == before


def test_without_mlflow_one_note_is_printed(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    is_installed.cache_clear()
    _note_once.cache_clear()
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    try:
        assert start_run(ON) is None
        log_stage(ON)
        with pytest.raises(UserError, match=r"mlflow is not installed.*tracking.enabled: false"):
            sync(in_mini, ON)
    finally:
        is_installed.cache_clear()
    assert capsys.readouterr().err == "note: mlflow is not installed, so nothing is tracked\n"


def test_an_unreachable_server_costs_one_warning(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@{address}")
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    run = start_run(ON)
    assert run is not None
    assert run.failed
    log_history(run, [{"step": 1, "loss": 1.0}])
    log_stage(ON, run)
    error = capsys.readouterr().err
    assert error.count("\n") == error.count("warning: ") == 1
    assert f"http://{address}" in error
    assert "secret" not in error
    assert int(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) <= 1
    with pytest.raises(UserError, match=f"http://{address}: the server cannot be reached"):
        sync(in_mini, ON)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.delenv("DVC_STAGE")
    assert sorted(sync(in_mini, ON)) == TRACKED


@pytest.mark.slow
def test_a_server_receives_runs_with_artifacts_and_datasets(
    in_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with mlflow_server(tmp_path / "server") as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("DVC_STAGE", "finetune@a")
        run = start_run(ON)
        log_history(run, [{"step": 1, "loss": 5e-05}])
        log_stage(ON, run)
        check_finetune(in_mini, runs(in_mini, uri)[0], uri)
        assert sorted(sync(in_mini, ON)) == ["baseline", "evaluate", "finetune@b"]
        assert stages(in_mini, uri) == TRACKED
        assert sync(in_mini, ON) == []
        artifact = next((tmp_path / "server/a").rglob("bars.png"))
        assert artifact.read_text() == "picture"
    assert not (in_mini / "mlflow.db").exists()
    assert "warning" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_stage_restored_from_the_cache_keeps_its_run(in_mini: Path) -> None:
    params = in_mini / "params.yaml"
    original = params.read_text()
    (in_mini / "dvc.lock").unlink()
    mini_pipeline.dvc(in_mini, "repro", "--force", "finetune@a", MINI_TRACKING="1")
    params.write_text(original.replace("5e-5", "7e-5"))
    mini_pipeline.dvc(in_mini, "repro", "finetune@a", MINI_TRACKING="1")
    params.write_text(original)
    assert "is cached - skipping run" in mini_pipeline.dvc(in_mini, "repro", "finetune@a", MINI_TRACKING="1")
    assert stages(in_mini) == ["finetune@a", "finetune@a"]
    mini_pipeline.dvc(in_mini, "repro", MINI_TRACKING="1")
    sync(in_mini, ON)
    assert stages(in_mini) == sorted([*TRACKED, "finetune@a"])
    rates = [
        run.data.params["models.a.learning_rate"] for run in runs(in_mini) if run.data.tags["stage"] == "finetune@a"
    ]
    assert sorted(rates) == ["5e-05", "7e-05"]
    assert {run.info.status for run in runs(in_mini)} == {"FINISHED"}
