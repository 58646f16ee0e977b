"""Runs of stages in MLflow: their content, and one run per stage and inputs in every case."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import mini_pipeline
from support.mlflow_runs import ON, TRACKED, client_of, free_port, history, mlflow_server, names, runs

from complaints.lineage.lock import hash_path, read_lock, stage_inputs_hash
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import RECORD, _is_installed, importlib, log_history, log_stage, start_run, sync
from complaints.tracking.store import sqlite_uri


def log_finetune(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_stage_logs_its_parameters_metrics_datasets_and_artifacts(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_finetune(monkeypatch)
    (run,) = runs(in_mini)
    check_finetune(in_mini, run)
    assert "lock_md5" not in run.data.tags  # dvc.lock is complete only after the last stage
    assert {path.name for path in in_mini.iterdir()} >= {"mlflow.db", "mlartifacts"}


def test_sync_adds_missing_runs_and_tags_all_with_the_lock(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_finetune(monkeypatch)
    assert sorted(sync(in_mini, ON)) == ["baseline", "evaluate", "finetune@b"]
    assert names(in_mini) == TRACKED
    assert {run.data.tags["lock_md5"] for run in runs(in_mini)} == {hash_path(in_mini, "dvc.lock")}
    assert sync(in_mini, ON) == []
    assert names(in_mini) == TRACKED
    evaluate = runs(in_mini)[1]
    assert evaluate.data.metrics == {"a/test/macro_f1": 0.25, "a/test/classes": 3.0}
    assert evaluate.inputs.dataset_inputs[0].tags[0].value == "evaluation"


def sync_in_a_new_process(in_mini: Path) -> dict[str, Any]:
    """Return the stages that `sync` logged and the slow packages that it imported."""
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
        cwd=in_mini,
        capture_output=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_deleted_store_is_filled_again_and_a_complete_one_costs_no_import(in_mini: Path) -> None:
    assert sync_in_a_new_process(in_mini) == {"logged": TRACKED, "imported": ["mlflow"]}
    assert sync_in_a_new_process(in_mini) == {"logged": [], "imported": []}
    (in_mini / "mlflow.db").unlink()
    assert sync_in_a_new_process(in_mini)["logged"] == TRACKED
    check_finetune(in_mini, runs(in_mini)[2])


def test_sync_skips_a_stage_whose_outputs_differ_from_the_lock(
    in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (in_mini / "models/a/weights.bin").unlink()
    (in_mini / "models/a/weights.bin").write_text("other")
    assert "finetune@a" not in sync(in_mini, ON)
    assert "finetune@a" not in names(in_mini)
    assert "finetune@a is not logged: its outputs differ from dvc.lock" in capsys.readouterr().err


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
    assert names(in_mini) == ["finetune@a"]
    (in_mini / "models/a/weights.bin").unlink()
    (in_mini / "models/a/weights.bin").write_text("outputs of another GPU")
    log_stage(ON, start_run(ON))
    assert names(in_mini) == ["finetune@a", "finetune@a"]
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
    _is_installed.cache_clear()
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    try:
        assert start_run(ON) is None
        log_stage(ON)
        assert sync(in_mini, ON) == []
    finally:
        _is_installed.cache_clear()
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
    assert sync(in_mini, ON) == []
    assert "warning: " in capsys.readouterr().err
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.delenv("DVC_STAGE")
    assert sorted(sync(in_mini, ON)) == TRACKED


def test_a_broken_record_is_harmless(in_mini: Path) -> None:
    sync(in_mini, ON)
    (in_mini / RECORD).write_text("{")
    assert sync_in_a_new_process(in_mini) == {"logged": [], "imported": ["mlflow"]}
    assert sync_in_a_new_process(in_mini) == {"logged": [], "imported": []}


def test_a_record_that_cannot_be_written_is_harmless(in_mini: Path) -> None:
    (in_mini / "scratch").write_text("a file")
    assert sorted(sync(in_mini, ON)) == TRACKED
    assert sync(in_mini, ON) == []


def test_a_record_of_another_experiment_does_not_count(in_mini: Path) -> None:
    assert sorted(sync(in_mini, ON)) == TRACKED
    assert sorted(sync(in_mini, TrackingParams(True, "other"))) == TRACKED
    assert len(runs(in_mini, experiment="other")) == len(TRACKED)


def test_a_record_of_another_store_does_not_count(
    in_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(sync(in_mini, ON)) == TRACKED
    other = sqlite_uri(tmp_path / "other store.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    assert sorted(sync(in_mini, ON)) == TRACKED
    assert [run.info.run_name for run in runs(in_mini, other)] == TRACKED


def test_a_new_store_in_place_of_a_recorded_one_is_filled(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_in_a_new_process(in_mini)
    (in_mini / "mlflow.db").unlink()
    log_finetune(monkeypatch)
    assert names(in_mini) == ["finetune@a"]
    assert sorted(sync(in_mini, ON)) == ["baseline", "evaluate", "finetune@b"]


def test_a_run_that_a_user_deleted_is_logged_again(in_mini: Path) -> None:
    sync(in_mini, ON)
    client_of(in_mini).delete_run(runs(in_mini)[2].info.run_id)
    assert sync(in_mini, ON) == ["finetune@a"]


@pytest.mark.parametrize("name", ["a%2Fb", "my%20data", "x?y", "has space", "ü", "it's", "h#h"])
def test_a_project_folder_may_have_any_name(
    made_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mini_pipeline.copy(made_mini, tmp_path / "parent" / name)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    log_finetune(monkeypatch)
    assert sorted(sync(root, ON)) == ["baseline", "evaluate", "finetune@b"]
    assert names(root) == TRACKED
    check_finetune(root, runs(root)[2])
    assert sync_in_a_new_process(root) == {"logged": [], "imported": []}
    assert [path.name for path in (tmp_path / "parent").iterdir()] == [name]
    assert {"mlflow.db", "mlartifacts"} <= {path.name for path in root.iterdir()}
    assert len(list((root / "mlartifacts").rglob("steps.csv"))) == 2
    assert "warning" not in capsys.readouterr().err


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
        assert [run.info.run_name for run in runs(in_mini, uri)] == TRACKED
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
    assert names(in_mini) == ["finetune@a", "finetune@a"]
    mini_pipeline.dvc(in_mini, "repro", MINI_TRACKING="1")
    sync(in_mini, ON)
    assert names(in_mini) == sorted([*TRACKED, "finetune@a"])
    rates = [run.data.params["models.a.learning_rate"] for run in runs(in_mini) if run.info.run_name == "finetune@a"]
    assert sorted(rates) == ["5e-05", "7e-05"]
    assert {run.info.status for run in runs(in_mini)} == {"FINISHED"}
