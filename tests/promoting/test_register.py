"""Registered packages: once each, with tags of models, rows and commit, and completed after a failure."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from support.commands import Ran, files_in
from support.mlflow_runs import client_of
from support.project import Project

from complaints.core.dvc_lock import hash_path
from complaints.core.files import file_digest
from complaints.tracking.store import sqlite_uri

Call = Callable[..., tuple[Ran, str]]


@pytest.mark.slow
def test_an_equal_package_is_registered_once_and_its_tags_name_models_rows_and_commit(
    registry: Path, call: Call, tmp_path: Path
) -> None:
    target = tmp_path / "package"
    ran, out = call("package", "models/good", "--register", "first", "--output", str(target))
    assert ran.status == 0, ran.err
    assert "registered as version 1 of first: models:/first/1" in out
    ran, out = call("package", "models/good", "--register", "first")
    assert (ran.status, "version 1 of first is this package already" in out) == (0, True)
    ran, out = call("package", "models/good", "--register", "first", "--abstain-below", "0.5")
    assert "registered as version 2 of first" in out

    client = client_of(registry)
    first, second = sorted(client.search_model_versions("name = 'first'"), key=lambda version: int(version.version))
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    answer = mlflow.pyfunc.load_model(str(target)).predict(pd.DataFrame({"text": ["a fee"]})).iloc[0]
    assert first.tags == {
        "scoreboard_row": "models/good",
        "package_digest": mlflow.models.Model.load(str(target)).model_uuid,
        "model_digest": answer["model_digest"],
        "data_digest": file_digest("data/splits/train.parquet"),
        "validation_digest": file_digest("data/splits/validation.parquet"),
        "test_digest": file_digest("data/splits/test.parquet"),
        "md5.models/good": hash_path(registry, "models/good"),
        "revision": head,
    }
    assert answer["data_digest"] == first.tags["data_digest"]
    assert {tag for tag in first.tags if first.tags[tag] != second.tags[tag]} == {"package_digest"}

    model = client.get_logged_model(first.source.removeprefix("models:/"))
    assert (model.status, model.model_type, model.tags) == ("READY", "package", first.tags)
    copied = Path(model.artifact_location.removeprefix("file://"))
    assert {p.relative_to(copied): b for p, b in files_in(copied).items() if "__pycache__" not in p.parts} == {
        p.relative_to(target): b for p, b in files_in(target).items() if "__pycache__" not in p.parts
    }


def test_a_registration_that_was_cut_off_is_completed(registry: Path, call: Call) -> None:
    ran, _ = call("package", "models/close", "--register", "cut")
    assert ran.status == 0, ran.err
    client = client_of(registry)
    (version,) = client.search_model_versions("name = 'cut'")
    client.delete_registered_model("cut")
    client.delete_logged_model(version.source.removeprefix("models:/"))
    experiment = client.get_experiment_by_name("complaints").experiment_id
    begun = client.create_logged_model(experiment, name="cut", tags=version.tags, model_type="package")
    ran, out = call("package", "models/close", "--register", "cut")
    assert (ran.status, "registered as version 1 of cut" in out) == (0, True)
    (version,) = client.search_model_versions("name = 'cut'")
    assert version.source == f"models:/{begun.model_id}"
    assert "MLmodel" in {file.path for file in client.list_logged_model_artifacts(begun.model_id)}


def test_an_alias_of_the_registration_never_leaves_another_version(registry: Path, call: Call) -> None:
    client = client_of(registry)
    ran, out = call("package", "models/good", "--register", "named", "--alias", "champion")
    assert (ran.status, "champion is version 1 of named" in out) == (0, True)
    assert call("package", "models/good", "--register", "named", "--alias", "champion")[0].status == 0
    ran, out = call("package", "models/bad", "--register", "named", "--alias", "champion")
    assert ran.is_one_line
    assert "registered as version 2 of named" in out
    assert "`complaints promote named 2 --alias champion`" in ran.err
    assert client.get_registered_model("named").aliases == {"champion": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--output"),
        (["--alias", "champion"], "--output"),
        (["--output", "x", "--alias", "champion"], "--register NAME"),
    ],
)
def test_arguments_that_keep_nothing_are_refused(registry: Path, call: Call, words: list[str], said: str) -> None:
    ran, _ = call("package", "models/good", *words)
    assert ran.is_one_line
    assert said in ran.err


@pytest.mark.parametrize("words", [["--register", "a/b"], ["--register", "net", "--alias", "v3"]])
def test_names_that_mlflow_refuses_are_refused_before_anything_is_done(
    registry: Path, call: Call, words: list[str]
) -> None:
    ran, _ = call("package", "models/good", *words)
    assert ran.status == 2


def test_registration_outside_a_project_says_so(
    registry: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran, _ = call("package", str(registry / "models/good"), "--register", "net")
    assert ran.is_one_line
    assert "this is not a project" in ran.err


@pytest.mark.parametrize("command", [["package", "models/good", "--register", "net"], ["promote", "net", "1"]])
def test_a_server_that_cannot_be_reached_is_one_line(
    registry: Path, call: Call, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
    ran, _ = call(*command)
    assert ran.is_one_line, ran.err
    assert "the server cannot be reached" in ran.err
    assert "then run the command again" in ran.err
    assert "complaints track" not in ran.err


@pytest.mark.slow
def test_a_version_of_the_pipeline_has_its_training_as_source_run(built: Project, project: Project) -> None:
    project.take_runs_of(built)
    project.complaints("package", "tfidf-adjusted", "--register", "net", "--alias", "champion")
    client = client_of(project.root)
    (version,) = client.search_model_versions("name = 'net'")
    assert client.get_run(version.run_id).data.tags["stage"] == "baseline"
    head = project.run("git", "rev-parse", "HEAD").stdout.strip()
    assert version.tags["revision"] == head
    mlflow.set_tracking_uri(sqlite_uri(project.root / "mlflow.db"))
    answer = mlflow.pyfunc.load_model("models:/net@champion").predict(pd.DataFrame({"text": ["a fee"]}))
    assert answer["model_digest"].tolist() == [version.tags["model_digest"]]
