"""Calls to MLflow: one run opened, filled and finished; MLflow is imported when the first call is made."""

import json
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from complaints.tracking.projection import Metric, Projection

METRICS_A_CALL = 1000
PARAMS_A_CALL = 100
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""MLflow's settings in our processes, where the user has set none: a server that is gone costs seconds, not minutes."""

T = TypeVar("T")


@dataclass
class Run:
    """A run that is being logged; `lost` once MLflow has failed, after which it is left alone."""

    client: Any
    run_id: str
    uri: str
    logged: set[tuple[str, int]] = field(default_factory=set)
    lost: bool = False


def attempt(uri: str, action: Callable[[], T]) -> T | None:
    """Do something for MLflow; a failure is one line on stderr and None, since no result may be lost for its sake."""
    try:
        return action()
    except Exception as error:  # MLflow, SQLAlchemy, requests and the file system each bring their own
        parts = urlsplit(uri)
        shown = uri.replace(f"{parts.netloc.rpartition('@')[0]}@", "") if "@" in parts.netloc else uri
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].replace(uri, shown)
        print(
            f"warning: not logged to MLflow at {shown} ({reason:.300}); `complaints track` makes up for it later",
            file=sys.stderr,
        )
        return None


def connect(uri: str, name: str, artifact_folder: Path | None) -> tuple[Any, str]:
    """Return a client and the id of the experiment `name`, made when there is none.

    Artifacts go to `artifact_folder`, or where the server wants them.

    Raises:
        RuntimeError: if the experiment keeps its artifacts elsewhere, because the whole project was moved.
    """
    for variable, value in DEFAULTS.items():
        os.environ.setdefault(variable, value)
    from mlflow.tracking import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=uri)
    location = artifact_folder.as_uri() if artifact_folder else None
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return client, client.create_experiment(name, artifact_location=location)
    if location and experiment.artifact_location != location:
        raise RuntimeError(
            f"its artifacts lie in {experiment.artifact_location}; delete mlflow.db to have it made anew"
        )
    return client, experiment.experiment_id


def find_runs(client: Any, experiment_id: str, stage_fingerprint: str) -> list[Any]:
    """Return the runs of a fingerprint, newest first."""
    return list(client.search_runs([experiment_id], filter_string=f"tags.fingerprint = '{stage_fingerprint}'"))


def open_run(client: Any, experiment_id: str, uri: str, name: str, tags: dict[str, str]) -> Run:
    """Return the unfinished run of a fingerprint (its process died), or a new one."""
    for found in find_runs(client, experiment_id, tags["fingerprint"]):
        if found.info.status != "FINISHED":
            run_id = found.info.run_id
            history = (point for key in found.data.metrics for point in client.get_metric_history(run_id, key))
            return Run(client, run_id, uri, {(point.key, point.step) for point in history})
    created = client.create_run(experiment_id, run_name=name, tags=tags)
    return Run(client, created.info.run_id, uri)


def log_metrics(run: Run, metrics: Iterable[Metric]) -> int:
    """Log the points that are not there yet, and return how many they were."""
    from mlflow.entities import Metric as Point

    now = int(time.time() * 1000)
    fresh = {(name, step): value for name, value, step in metrics if (name, step) not in run.logged}
    points = [Point(name, value, now, step) for (name, step), value in fresh.items()]
    for start in range(0, len(points), METRICS_A_CALL):
        run.client.log_batch(run.run_id, metrics=points[start : start + METRICS_A_CALL])
    run.logged |= fresh.keys()
    return len(points)


def log_params(run: Run, params: dict[str, str], tags: dict[str, str]) -> None:
    """Log parameters, which MLflow lets no one change later, and tags."""
    from mlflow.entities import Param, RunTag

    values = [Param(name, value) for name, value in params.items()]
    for start in range(0, len(values), PARAMS_A_CALL):
        run.client.log_batch(run.run_id, params=values[start : start + PARAMS_A_CALL])
    run.client.log_batch(run.run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def finished_twin(runs: list[Any], outputs: str) -> Any:
    """Return the finished run with these outputs, if there is one."""
    return next((r for r in runs if r.info.status == "FINISHED" and r.data.tags.get("outs_md5") == outputs), None)


def finish_run(run: Run, view: Projection) -> None:
    """Log all there is and mark the run as finished, which comes last: whatever is not finished is logged again."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    log_params(run, view.params, view.tags)
    log_metrics(run, view.metrics)
    inputs = [
        DatasetInput(
            Dataset(data.name, data.digest, "dvc", json.dumps({"path": data.name, "md5": data.digest})),
            [InputTag("mlflow.data.context", data.context)],
        )
        for data in view.datasets
    ]
    run.client.log_inputs(run.run_id, datasets=inputs)
    for file, folder in view.artifacts:
        run.client.log_artifact(run.run_id, str(file), folder)
    run.client.set_terminated(run.run_id, "FINISHED")


def synced_in_sqlite(uri: str, experiment: str) -> set[tuple[str, str]]:
    """Return (fingerprint, outs_md5) of the finished runs in an sqlite store that `sync` has seen.

    Asking sqlite takes milliseconds, importing MLflow seconds. An answer that is empty for whatever reason only means
    that MLflow is asked.
    """
    database = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or not database.is_file():
        return set()
    query = """
        SELECT f.value, o.value FROM runs r JOIN experiments e USING (experiment_id)
        JOIN tags f ON f.run_uuid = r.run_uuid AND f.key = 'fingerprint'
        JOIN tags o ON o.run_uuid = r.run_uuid AND o.key = 'outs_md5'
        JOIN tags l ON l.run_uuid = r.run_uuid AND l.key = 'lock_md5'
        WHERE e.name = ? AND r.status = 'FINISHED' AND r.lifecycle_stage = 'active'
    """
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return set(connection.execute(query, [experiment]))
    except sqlite3.Error:
        return set()
