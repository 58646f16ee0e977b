"""One tree of runs per state of the pipeline: `evaluate`, its trainings, and the rows of its scoreboard."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import mini_pipeline
from support.mlflow_runs import ON, TRACKED, all_runs, client_of, log_finetune, rows, runs, stages

from complaints.tracking import mlflow_client
from complaints.tracking.stages import log_stage, start_run
from complaints.tracking.sync import RECORD, sync

PARENT = "mlflow.parentRunId"


def tree(root: Path) -> list[tuple[str, str]]:
    """Return (name, name of the parent) of every active run, sorted."""
    found = all_runs(root)
    names = {run.info.run_id: run.info.run_name for run in found}
    return sorted((run.info.run_name, names.get(run.data.tags.get(PARENT, ""), "")) for run in found)


TREE = [("a", "evaluate"), ("a scores", "evaluate"), ("b", "evaluate"), ("baseline", "evaluate"), ("evaluate", "")]


def change_grid(root: Path) -> None:
    """Evaluate anew with the same trainings."""
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("grid: [0.0, 0.5]", "grid: [0.0]"))
    mini_pipeline.dvc(root, "repro")


@pytest.mark.parametrize("live", [[], ["evaluate"], ["finetune@a", "evaluate"], ["evaluate", "finetune@a"]])
def test_trainings_and_rows_are_children_of_evaluate_in_whatever_order_they_are_logged(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, live: list[str]
) -> None:
    for stage in live:
        monkeypatch.setenv("DVC_STAGE", stage)
        log_stage(ON)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    sync(in_mini, ON)
    assert tree(in_mini) == TREE
    (in_mini / RECORD).unlink()
    assert sync(in_mini, ON) == []
    assert tree(in_mini) == TREE


def test_rows_have_metrics_and_parameters_under_common_names(in_mini: Path) -> None:
    sync(in_mini, ON)
    (evaluate,) = (run for run in runs(in_mini) if run.data.tags["stage"] == "evaluate")
    (row,) = rows(in_mini, evaluate)
    assert row.data.metrics == {"test/macro_f1": 0.25, "test/classes": 3.0}
    assert row.data.params == {"backbone": "x", "learning_rate": "5e-05", "flag": "true"}
    training = next(run for run in runs(in_mini) if run.data.tags["stage"] == "finetune@a")
    assert row.data.tags["model_md5"] == training.data.tags["model_md5"]
    assert row.info.status == "FINISHED"
    assert evaluate.data.params["fetch.rows"] == "4"  # the state of the pipeline, not of its last stage alone
    assert evaluate.data.params["models.b.learning_rate"] == "0.001"


def test_a_training_that_two_evaluations_share_stays_with_the_first(in_mini: Path) -> None:
    sync(in_mini, ON)
    change_grid(in_mini)
    assert sync(in_mini, ON) == ["evaluate"]
    second = "evaluate grid=[0.0]"
    assert tree(in_mini) == sorted([*TREE, (second, ""), ("a scores", second)])


def test_trainings_of_a_deleted_evaluation_are_given_to_the_next(in_mini: Path) -> None:
    sync(in_mini, ON)
    (evaluate,) = (run for run in runs(in_mini) if run.data.tags["stage"] == "evaluate")
    for run in [evaluate, *rows(in_mini, evaluate)]:
        client_of(in_mini).delete_run(run.info.run_id)
    assert sync(in_mini, ON) == ["evaluate"]
    assert tree(in_mini) == TREE


@pytest.mark.parametrize("calls", range(1, 14))
def test_a_log_that_was_cut_off_anywhere_is_completed(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    from mlflow.tracking import MlflowClient

    left = calls

    def cut(context: pytest.MonkeyPatch, name: str) -> None:
        original = getattr(MlflowClient, name)

        def method(self: MlflowClient, *arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return original(self, *arguments, **options)

        context.setattr(MlflowClient, name, method)

    monkeypatch.setenv("DVC_STAGE", "evaluate")
    with monkeypatch.context() as context, contextlib.suppress(KeyboardInterrupt):
        for name in ("create_run", "log_batch", "log_artifact", "log_inputs", "set_terminated", "set_tag"):
            cut(context, name)
        log_stage(ON)
    monkeypatch.delenv("DVC_STAGE")
    sync(in_mini, ON)
    assert tree(in_mini) == TREE
    assert {run.info.status for run in all_runs(in_mini)} == {"FINISHED"}


def test_a_store_whose_creation_was_cut_off_is_created_again(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*paths: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(mlflow_client.os, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            sync(in_mini, ON)
    (in_mini / ".mlflow.db.left").mkdir()
    assert sorted(sync(in_mini, ON)) == TRACKED
    assert not list(in_mini.glob(".mlflow.db*"))


def test_the_end_of_a_run_that_another_process_has_finished_keeps_it(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "finetune@a")
    first, second = start_run(ON), start_run(ON)
    log_stage(ON, first)
    log_stage(ON, second)
    assert stages(in_mini) == ["finetune@a"]


def test_a_run_is_named_by_what_changed(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_finetune(monkeypatch)
    params = in_mini / "params.yaml"
    params.write_text(params.read_text().replace("5e-5", "7e-5"))
    log_finetune(monkeypatch)
    (in_mini / "src/engine/loop.py").write_text("changed = True\n")
    log_finetune(monkeypatch)
    monkeypatch.setenv("DVC_EXP_NAME", "sappy-dean")
    params.write_text(params.read_text().replace("7e-5", "8e-5"))
    log_finetune(monkeypatch)
    found = [(run.info.run_name, run.data.tags.get("changed")) for run in reversed(all_runs(in_mini))]
    assert found == [
        ("a", None),
        ("a learning_rate=7e-05", "learning_rate=7e-05"),
        ("a: code", "code"),
        ("a sappy-dean", "learning_rate=8e-05"),
    ]


@pytest.mark.slow
def test_processes_that_log_at_the_same_time_make_one_tree(in_mini: Path) -> None:
    code = """if True:
        from pathlib import Path
        from complaints.tracking.params import TrackingParams
        from complaints.tracking.sync import sync
        sync(Path("."), TrackingParams(enabled=True, experiment="mini"))
    """
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=in_mini, env=mini_pipeline.environment()) for _ in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert tree(in_mini) == TREE


@pytest.mark.slow
def test_the_runs_of_an_experiment_have_its_name(in_mini: Path) -> None:
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "add", "-A"], check=True)
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "x"], check=True
    )
    options = ["exp", "run", "--name", "dean", "-S", "models.a.learning_rate=8e-5", "-S", "evaluate.grid=[0.25]"]
    mini_pipeline.dvc(in_mini, *options, MINI_TRACKING="1")
    names = {run.info.run_name for run in runs(in_mini)}
    assert names == {"a dean", "evaluate dean"}
    training = next(run for run in runs(in_mini) if run.data.tags["stage"] == "finetune@a")
    assert json.loads(training.data.params["models.a.learning_rate"]) == 8e-05
