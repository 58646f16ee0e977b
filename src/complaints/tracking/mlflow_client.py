"""MLflow client: opens, fills and finishes one run. MLflow is imported by the first call."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from complaints.tracking.projection import Metric, Projection
from complaints.tracking.store import Store, StoreError, check_opens

METRICS_A_CALL = 1000
PARAMS_A_CALL = 100
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""MLflow's settings where the user has set none: an unreachable server costs seconds, not minutes."""

T = TypeVar("T")


@dataclass
class ActiveRun:
    """A run that is being logged. After a failure of MLflow it is left alone."""

    client: Any
    run_id: str
    store: Store
    points: set[tuple[str, int]] = field(default_factory=set)
    """Names and steps of the metrics that are logged."""
    failed: bool = False


def attempt(store: Store, action: Callable[[], T]) -> T | None:
    """Return the result of an action in MLflow, or None after a warning: no result of a stage may depend on MLflow."""
    try:
        return action()
    except StoreError as error:
        advice = str(error)
    except Exception as error:  # MLflow, SQLAlchemy, requests and the file system have no common base class
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].replace(store.uri, store.shown)
        advice = f"{reason:.300}; once this is solved, `complaints track` logs what is missing"
    print(f"warning: not logged to MLflow at {store.shown}: {advice}", file=sys.stderr)
    return None


def connect(store: Store, name: str) -> tuple[Any, str]:
    """Return a client and the id of the experiment `name`, which is created if missing.

    Raises:
        StoreError: if the store cannot be opened, the experiment was deleted, or its artifacts are in another folder
            because the project was moved.
    """
    if store.database is not None:
        check_opens(store.database)
    for variable, value in DEFAULTS.items():
        os.environ.setdefault(variable, value)
    from mlflow.tracking import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=store.uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return client, client.create_experiment(name, artifact_location=store.artifacts)
    command = f"MLFLOW_TRACKING_URI={store.shown} mlflow"
    if experiment.lifecycle_stage == "deleted":
        raise StoreError(
            f"experiment {name!r} was deleted there; restore it (`{command} experiments restore --experiment-id "
            f"{experiment.experiment_id}`), delete it permanently (`{command} gc --experiment-ids "
            f"{experiment.experiment_id}`) or set another tracking.experiment in params.yaml"
        )
    if store.artifacts and experiment.artifact_location != store.artifacts:
        raise StoreError(
            f"experiment {name!r} keeps its artifacts in {experiment.artifact_location}, but the project is now in "
            f"{store.folder}; set another tracking.experiment in params.yaml, or rename this one (`{command} "
            f"experiments rename --experiment-id {experiment.experiment_id} --new-name {name}-old`), then run "
            "`complaints track`: all runs are kept"
        )
    return client, experiment.experiment_id


def find_runs(client: Any, experiment_id: str, inputs_hash: str) -> list[Any]:
    """Return the runs of a stage with these inputs, newest first."""
    return list(client.search_runs([experiment_id], filter_string=f"tags.fingerprint = '{inputs_hash}'"))


def open_run(client: Any, experiment_id: str, store: Store, name: str, tags: dict[str, str]) -> ActiveRun:
    """Return the unfinished run of a stage with the same inputs, whose process died, or a new run."""
    for found in find_runs(client, experiment_id, tags["fingerprint"]):
        if found.info.status != "FINISHED":
            run_id = found.info.run_id
            history = (point for key in found.data.metrics for point in client.get_metric_history(run_id, key))
            return ActiveRun(client, run_id, store, {(point.key, point.step) for point in history})
    created = client.create_run(experiment_id, run_name=name, tags=tags)
    return ActiveRun(client, created.info.run_id, store)


def log_metrics(run: ActiveRun, metrics: Iterable[Metric]) -> int:
    """Log the points that are not logged yet, and return their number."""
    from mlflow.entities import Metric as Point

    now = int(time.time() * 1000)
    fresh = {(name, step): value for name, value, step in metrics if (name, step) not in run.points}
    points = [Point(name, value, now, step) for (name, step), value in fresh.items()]
    for start in range(0, len(points), METRICS_A_CALL):
        run.client.log_batch(run.run_id, metrics=points[start : start + METRICS_A_CALL])
    run.points |= fresh.keys()
    return len(points)


def log_params(run: ActiveRun, params: dict[str, str], tags: dict[str, str]) -> None:
    """Log parameters, which MLflow does not allow to be changed later, and tags."""
    from mlflow.entities import Param, RunTag

    values = [Param(name, value) for name, value in params.items()]
    for start in range(0, len(values), PARAMS_A_CALL):
        run.client.log_batch(run.run_id, params=values[start : start + PARAMS_A_CALL])
    run.client.log_batch(run.run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def duplicate_run(runs: list[Any], outputs: str) -> Any:
    """Return the finished run with these outputs, or None."""
    return next((r for r in runs if r.info.status == "FINISHED" and r.data.tags.get("outs_md5") == outputs), None)


def finish_run(run: ActiveRun, view: Projection) -> None:
    """Log a projection and mark the run as finished. The mark comes last: an unfinished run is logged again."""
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
