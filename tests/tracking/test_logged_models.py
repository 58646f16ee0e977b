"""Logged models: one per checkpoint, found by its md5, with metrics linked to data, and no copy of its weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import mini_pipeline
from support.mlflow_runs import ON, all_runs, client_of, mlflow_server, runs

from complaints.core.dvc_lock import hash_path
from complaints.lineage.digest_tags import digest_tag, model_search, run_search
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_stage
from complaints.tracking.store import sqlite_uri
from complaints.tracking.sync import RECORD, sync

COPYING = TrackingParams(enabled=True, experiment="mini", copy_weights=True)


@pytest.fixture(scope="module")
def logged(made_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The small repository with its runs and models; not to be changed by a test."""
    root = mini_pipeline.copy(made_mini, tmp_path_factory.mktemp("logged") / "repo")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        sync(root, ON)
        yield root


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


def state(root: Path) -> tuple[list[Any], dict[str, Any]]:
    """Return all runs and models with their content."""
    entities = [(run.info.run_id, run.data.to_dictionary(), run.outputs.to_dictionary()) for run in all_runs(root)]
    return entities, {name: (m.model_id, m.tags, metrics_of(m)) for name, m in models(root).items()}


@pytest.mark.parametrize("live", [[], ["evaluate"], ["finetune@a", "evaluate"], ["evaluate", "finetune@a"]])
def test_each_checkpoint_is_one_model_in_whatever_order_stages_are_logged(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, live: list[str]
) -> None:
    for stage in live:
        monkeypatch.setenv("DVC_STAGE", stage)
        log_stage(ON)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    sync(in_mini, ON)
    check_models(in_mini)
    before = state(in_mini)
    (in_mini / RECORD).unlink()
    assert sync(in_mini, ON) == []
    assert state(in_mini) == before


def test_the_printed_search_finds_the_model_of_a_checkpoint(logged: Path) -> None:
    found = search(model_search(str(hash_path(logged, "models/a")), "mini"), logged)
    assert list(found["name"]) == ["a"]
    assert search(model_search("0" * 32, "mini"), logged).empty


EVERY = {"baseline", "evaluate", "finetune@a", "finetune@b"}


@pytest.mark.parametrize(
    ("path", "stages", "rows"),
    [
        ("data/splits/train.parquet", EVERY, {"a"}),
        ("data/raw/complaints.parquet", EVERY, {"a"}),
        ("data/splits", EVERY, {"a"}),
        ("banks", EVERY, {"a"}),
        ("data/tokens/a", {"evaluate", "finetune@a"}, {"a"}),
        ("data/tokens/b", {"evaluate", "finetune@b"}, set()),
        ("predictions/b.parquet", {"evaluate"}, set()),
    ],
)
def test_the_printed_search_finds_every_run_behind_which_a_file_is(
    logged: Path, path: str, stages: set[str], rows: set[str]
) -> None:
    found = search(run_search(path, str(hash_path(logged, path))), logged)
    assert set(found["tags.stage"].dropna()) == stages
    assert set(found["tags.scoreboard_row"].dropna() if "tags.scoreboard_row" in found else ()) == rows
    assert search(run_search(path, "0" * 32), logged).empty


def test_tags_of_any_path_are_allowed_in_mlflow() -> None:
    from mlflow.utils.validation import _validate_tag

    for path in ("../mine/my file (1).csv", "/mnt//x.csv", "data/größe~.csv", "x" * 300, "a:b", "dir/"):
        _validate_tag(digest_tag(path), "0" * 32)


def test_weights_are_copied_on_request_also_later(in_mini: Path) -> None:
    sync(in_mini, ON)
    runs_before = state(in_mini)[0]
    assert sync(in_mini, COPYING) == []
    model = models(in_mini)["a"]
    client = client_of(in_mini)
    assert model.tags["weights"] == "copied"
    names = {file.path for file in client.list_logged_model_artifacts(model.model_id)}
    assert names == {"weights.bin", "training.json"}
    assert state(in_mini)[0] == runs_before
    assert sync(in_mini, ON) == []
    assert models(in_mini)["a"].tags["weights"] == "copied"


def test_runs_of_an_earlier_version_get_their_digests_and_models(in_mini: Path) -> None:
    sync(in_mini, ON)
    client = client_of(in_mini)
    for model in models(in_mini).values():
        client.delete_logged_model(model.model_id)
    for run in runs(in_mini):
        for tag in [tag for tag in run.data.tags if tag.startswith("md5.")]:
            client.delete_tag(run.info.run_id, tag)
    assert sync(in_mini, ON) == []
    assert set(models(in_mini)) == {"a", "b", "tfidf"}
    tag = digest_tag("data/splits/train.parquet")
    assert {run.data.tags[tag] for run in runs(in_mini)} == {hash_path(in_mini, "data/splits/train.parquet")}


@pytest.mark.slow
def test_a_server_has_the_same_models(in_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mlflow_server(tmp_path / "server") as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        sync(in_mini, ON)
        check_models(in_mini, uri)
        assert sync(in_mini, ON) == []
        check_models(in_mini, uri)
        found = search(model_search(str(hash_path(in_mini, "models/a")), "mini"), in_mini, uri)
        assert list(found["name"]) == ["a"]
