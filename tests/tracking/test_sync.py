"""Stages of dvc.lock that `sync` logs, and the record that saves asking MLflow."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import mini_pipeline
from support.mlflow_runs import (
    ON,
    TRACKED,
    check_finetune,
    client_of,
    log_finetune,
    runs,
    stages,
    sync_in_a_new_process,
)
from support.paths import ROOT

from complaints import cli, params
from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.tracking.params import TrackingParams
from complaints.tracking.store import sqlite_uri
from complaints.tracking.sync import RECORD, sync


def test_sync_adds_missing_runs_and_tags_all_with_the_lock(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_finetune(monkeypatch)
    assert sorted(sync(in_mini, ON)) == ["baseline", "evaluate", "finetune@b"]
    assert stages(in_mini) == TRACKED
    assert {run.data.tags["lock_md5"] for run in runs(in_mini)} == {hash_path(in_mini, "dvc.lock")}
    assert sync(in_mini, ON) == []
    assert stages(in_mini) == TRACKED
    evaluate = runs(in_mini)[1]
    assert evaluate.data.metrics == {"a/test/macro_f1": 0.25, "a/test/classes": 3.0}
    assert evaluate.inputs.dataset_inputs[0].tags[0].value == "evaluation"


def test_a_deleted_store_is_filled_again_and_a_complete_one_costs_no_import(in_mini: Path) -> None:
    assert sync_in_a_new_process(in_mini) == {"logged": TRACKED, "imported": ["mlflow"]}
    assert sync_in_a_new_process(in_mini) == {"logged": [], "imported": []}
    (in_mini / "mlflow.db").unlink()
    assert sync_in_a_new_process(in_mini)["logged"] == TRACKED
    check_finetune(in_mini, runs(in_mini)[2])


def test_sync_skips_a_stage_whose_outputs_differ_from_the_lock(in_mini: Path) -> None:
    (in_mini / "models/a/weights.bin").unlink()
    (in_mini / "models/a/weights.bin").write_text("other")
    reported: list[str] = []
    for expected in (["baseline", "evaluate", "finetune@b"], []):
        with pytest.raises(UserError, match=r"finetune@a; their outputs differ from dvc.lock; run `dvc repro`"):
            sync(in_mini, ON, reported.append)
        assert sorted(reported) == expected
        reported.clear()
    assert stages(in_mini) == ["baseline", "evaluate", "finetune@b"]


def test_sync_leaves_out_the_stages_of_a_removed_entry(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DVC keeps them in dvc.lock, and no `dvc repro` would bring their outputs back."""
    file = in_mini / "params.yaml"
    file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if "  b: {" not in line))
    (in_mini / "predictions/b.parquet").unlink()
    assert sorted(sync(in_mini, ON)) == ["baseline", "evaluate", "finetune@a"]
    assert capsys.readouterr().err == ""


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
    assert sorted(sync(in_mini, TrackingParams(enabled=True, experiment="other"))) == TRACKED
    assert len(runs(in_mini, experiment="other")) == len(TRACKED)


def test_a_record_of_another_store_does_not_count(
    in_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(sync(in_mini, ON)) == TRACKED
    other = sqlite_uri(tmp_path / "other store.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    assert sorted(sync(in_mini, ON)) == TRACKED
    assert stages(in_mini, other) == TRACKED


def test_a_new_store_in_place_of_a_recorded_one_is_filled(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_in_a_new_process(in_mini)
    (in_mini / "mlflow.db").unlink()
    log_finetune(monkeypatch)
    assert stages(in_mini) == ["finetune@a"]
    assert sorted(sync(in_mini, ON)) == ["baseline", "evaluate", "finetune@b"]


def test_a_run_that_a_user_deleted_is_logged_again(in_mini: Path) -> None:
    sync(in_mini, ON)
    client_of(in_mini).delete_run(runs(in_mini)[2].info.run_id)
    assert sync(in_mini, ON) == ["finetune@a"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["a%2Fb", "my%20data", "x?y", "has space", "ü", "it's", "h#h", 'the "q"', "b\\s", "a;b"]
)
def test_a_project_folder_may_have_any_name(
    made_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = mini_pipeline.copy(made_mini, tmp_path / "parent" / name)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    log_finetune(monkeypatch)
    assert sorted(sync(root, ON)) == ["baseline", "evaluate", "finetune@b"]
    assert stages(root) == TRACKED
    check_finetune(root, runs(root)[2])
    assert sync_in_a_new_process(root) == {"logged": [], "imported": []}
    assert [path.name for path in (tmp_path / "parent").iterdir()] == [name]
    assert {"mlflow.db", "mlartifacts"} <= {path.name for path in root.iterdir()}
    assert len(list((root / "mlartifacts").rglob("steps.csv"))) == 2
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_exits_with_1_and_one_line_if_the_store_is_broken(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: bool
) -> None:
    if broken:
        (in_mini / "mlflow.db").mkdir()
    monkeypatch.setattr(params, "load", lambda: SimpleNamespace(tracking=ON))
    monkeypatch.setattr("sys.argv", ["complaints", "track"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == (1 if broken else 0)
    output = capsys.readouterr()
    assert output.err.count("\n") == output.err.count("error: not logged to MLflow at ") == int(broken)
    assert sorted(output.out.splitlines()) == ([] if broken else [f"logged to MLflow: {name}" for name in TRACKED])


def test_a_broken_store_does_not_fail_make_repro() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nrepro:")[2].partition("\n\n")[0].splitlines()
    assert any(line.startswith("\t-@complaints track") for line in recipe)
    assert not any(line.startswith("\t-") for line in recipe if "complaints track" not in line)


@pytest.mark.parametrize(
    "path", ["mlflow.db", "mlflow.db-old", ".mlflow.db.x/mlflow.db", "mlartifacts/1", "dvc_plots/a"]
)
def test_git_ignores_what_mlflow_and_dvc_plots_write(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT).returncode == 0
