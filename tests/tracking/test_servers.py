"""A real MLflow server on PostgreSQL with its artifacts in an S3 store, all on loopback."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import mini_pipeline, postgres
from support.logged_models import check_models, models, search
from support.mlflow_runs import ON, TRACKED, check_finetune, client_of, mlflow_server, runs, stages
from support.project import Project
from support.s3_server import BUCKET, CREDENTIALS, Bucket, s3_server

from complaints.core.dvc_lock import read_lock
from complaints.lineage.digest_tags import model_search, run_search
from complaints.tracking.params import TrackingParams
from complaints.tracking.sync import sync

_PACKAGES = ("boto3", "moto", "psycopg2")
_MISSING = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
_REASON = postgres.why_not() or (f"{', '.join(_MISSING)}: not installed" if _MISSING else "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_REASON), reason=_REASON)]


@dataclass(frozen=True)
class Servers:
    """The addresses of the three servers."""

    mlflow: str
    database: str
    bucket: Bucket


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers of this module's tests."""
    folder = tmp_path_factory.mktemp("servers")
    with s3_server(folder) as bucket, postgres.running_postgres("mlflow") as database:
        artifacts = {"MLFLOW_S3_ENDPOINT_URL": bucket.address, **CREDENTIALS}
        with mlflow_server(folder / "mlflow", database, f"s3://{BUCKET}/mlflow", **artifacts) as uri:
            yield Servers(uri, database, bucket)


def test_stages_log_themselves_and_track_adds_the_others(
    servers: Servers, in_mini: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = servers.mlflow
    mini_pipeline.dvc(
        in_mini, "repro", "--force", "--single-item", "finetune@a", MINI_TRACKING="1", MLFLOW_TRACKING_URI=uri
    )
    assert stages(in_mini, uri) == ["finetune@a"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert sorted(sync(in_mini, ON)) == ["baseline", "evaluate", "finetune@b"]
    assert sync(in_mini, ON) == []
    assert stages(in_mini, uri) == TRACKED
    check_finetune(in_mini, next(run for run in runs(in_mini, uri) if run.data.tags["stage"] == "finetune@a"), uri)
    check_models(in_mini, uri)
    names = {Path(key).name for key in servers.bucket.keys("mlflow/")}
    assert {"training.json", "steps.csv", "bars.png"} <= names
    assert "weights.bin" not in names
    assert not (in_mini / "mlflow.db").exists()
    assert "warning" not in capfd.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", servers.database)  # the same store without the server
    assert sync(in_mini, ON) == []
    check_models(in_mini, servers.database)


def test_weights_are_copied_to_the_store_of_artifacts_on_request(
    servers: Servers, in_mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", servers.mlflow)
    sync(in_mini, TrackingParams(enabled=True, experiment="mini", copy_weights=True))
    model = models(in_mini, servers.mlflow)["a"]
    assert model.tags["weights"] == "copied"
    (key,) = (key for key in servers.bucket.keys("mlflow/") if f"{model.model_id}/artifacts/weights.bin" in key)
    content = servers.bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert content == (in_mini / "models/a/weights.bin").read_bytes()


def test_the_runs_of_a_project_are_found_by_data_and_by_checkpoint(
    servers: Servers, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = servers.mlflow
    printed = project.run("complaints", "track", MLFLOW_TRACKING_URI=uri).stdout
    assert "logged to MLflow: finetune@minilm" in printed
    assert project.run("complaints", "track", MLFLOW_TRACKING_URI=uri).stdout == ""
    made = {out.path: out.md5 for stage in read_lock(project.root / "dvc.lock").values() for out in stage.outs}
    found = search(run_search("data/splits/train.parquet", made["data/splits/train.parquet"]), project.root, uri)
    assert {"baseline", "evaluate", "finetune@minilm"} <= set(found["tags.stage"])
    model = search(model_search(made["models/minilm"], "complaints"), project.root, uri)
    assert list(model["name"]) == ["minilm"]
    experiment = client_of(project.root, uri).get_experiment_by_name("complaints")
    (logged,) = client_of(project.root, uri).search_logged_models(
        [experiment.experiment_id], filter_string=f"tags.model_md5 = '{made['models/minilm']}'"
    )
    linked = {(metric.key, metric.dataset_digest) for metric in logged.metrics}
    assert ("test/macro_f1", made["data/splits/test.parquet"]) in linked
    assert ("validation/accuracy", made["data/splits/validation.parquet"]) in linked
