"""Logged models in an MLflow store, asked of MLflow itself."""

from pathlib import Path
from typing import Any

from complaints.core.dvc_lock import hash_path
from complaints.tracking.store import sqlite_uri
from support.mlflow_runs import all_runs, client_of, runs


def models(root: Path, uri: str | None = None) -> dict[str, Any]:
    """Return the logged models by name."""
    client = client_of(root, uri)
    experiment = client.get_experiment_by_name("mini")
    found = list(client.search_logged_models([experiment.experiment_id]))
    assert len({model.name for model in found}) == len(found)
    return {model.name: model for model in found}


def metrics_of(model: Any) -> set[tuple[str, float, str]]:
    """Return name, value and dataset of each metric of a logged model."""
    return {(metric.key, metric.value, metric.dataset_name) for metric in model.metrics or []}


def search(expression: str, root: Path, uri: str | None = None) -> Any:
    """Return what a printed search finds in MLflow."""
    import mlflow

    mlflow.set_tracking_uri(uri or sqlite_uri(root / "mlflow.db"))
    return eval(expression, {"mlflow": mlflow})


def check_models(root: Path, uri: str | None = None) -> None:
    """Assert that the models of the small repository are logged, linked and without files."""
    found = models(root, uri)
    assert set(found) == {"a", "b", "tfidf"}
    model, md5 = found["a"], hash_path(root, "models/a")
    training = next(run for run in runs(root, uri) if run.data.tags["stage"] == "finetune@a")
    assert (model.status, model.source_run_id) == ("READY", training.info.run_id)
    assert model.params == training.data.params
    expected = {"model_md5": md5, "model_path": "models/a", "weights": "dvc", "stage": "finetune@a"}
    assert expected.items() <= model.tags.items()
    assert metrics_of(model) == {
        ("best_validation_macro_f1", 0.5, "data/splits"),
        ("test/macro_f1", 0.25, "data/splits/test.parquet"),
        ("test/classes", 3.0, "data/splits/test.parquet"),
    }
    client = client_of(root, uri)
    assert client.list_logged_model_artifacts(model.model_id) == []
    assert [made.model_id for made in client.get_run(training.info.run_id).outputs.model_outputs] == [model.model_id]
    row = next(run for run in all_runs(root, uri) if run.data.tags.get("scoreboard_row") == "a")
    run = client.get_run(row.info.run_id)
    assert [used.model_id for used in run.inputs.model_inputs] == [model.model_id]
    assert hash_path(root, "data/splits/test.parquet") in {i.dataset.digest for i in run.inputs.dataset_inputs}
    assert len(client.get_metric_history(row.info.run_id, "test/macro_f1")) == 1
    on_test = {
        "dataset_name": "data/splits/test.parquet",
        "dataset_digest": hash_path(root, "data/splits/test.parquet"),
    }
    scored = client.search_logged_models(
        [model.experiment_id], filter_string="metrics.`test/macro_f1` > 0.2", datasets=[on_test]
    )
    assert [hit.name for hit in scored] == ["a"]
