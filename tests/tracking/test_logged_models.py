"""Logged models: one per checkpoint, found by its md5, with metrics linked to data, and no copy of its weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import mini_pipeline
from support.logged_models import check_models, metrics_of, models, search
from support.mlflow_runs import ON, all_runs, client_of, mlflow_server, runs

from complaints.core.dvc_lock import hash_path
from complaints.lineage.digest_tags import digest_tag, model_search, run_search
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_stage
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
