"""MLflow client: opens, fills and finishes runs. MLflow is imported by the first call."""

import json
import logging
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from complaints.tracking.metrics import Metric
from complaints.tracking.naming import name_run
from complaints.tracking.problems import free_name, problem
from complaints.tracking.projection import Projection
from complaints.tracking.store import NotOpenedError, Store, StoreError, check_store, sqlite_uri

METRICS_A_CALL = 1000
PARAMS_A_CALL = 100
TAGS_A_CALL = 100
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "PGCONNECT_TIMEOUT": "4",
}
"""Settings where the user has set none: a broken store costs one line and less than five seconds."""
PARENT_TAG = "mlflow.parentRunId"
"""The tag by which MLflow nests runs (https://mlflow.org/docs/latest/ml/tracking/tracking-api/#hierarchical-runs)."""

T = TypeVar("T")


@dataclass(frozen=True)
class Experiment:
    """An experiment in a store that is open."""

    store: Store
    client: Any
    experiment_id: str

    def runs(self, condition: str, limit: int = 1000) -> list[Any]:
        """Return the active runs that meet a condition of MLflow's search, newest first."""
        return list(self.client.search_runs([self.experiment_id], filter_string=condition, max_results=limit))

    def stage_runs(self, inputs_hash: str) -> list[Any]:
        """Return the runs of a stage with these inputs, newest first."""
        return self.runs(f"tags.fingerprint = '{inputs_hash}'")


@dataclass
class ActiveRun:
    """A run that is being logged. After a failure of MLflow it is left alone."""

    experiment: Experiment
    run_id: str
    points: set[tuple[str, int]] = field(default_factory=set)
    """Names and steps of the metrics that are logged."""
    failed: bool = False

    @property
    def client(self) -> Any:
        """Return the client of the run's store."""
        return self.experiment.client


def attempt(store: Store, action: Callable[[], T]) -> T | None:
    """Return the result of an action in MLflow, or None after a warning: no result of a stage may depend on MLflow."""
    try:
        return action()
    except Exception as error:
        print(f"warning: {problem(store, error)}", file=sys.stderr)
    return None


def _create_database(database: Path) -> None:
    """Create an sqlite store in another folder first: a store whose creation was cut off cannot be opened again."""
    from mlflow.tracking import MlflowClient

    prefix = f".{database.name}."
    for left in database.parent.glob(f"{prefix}*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    # MLflow remembers the stores of a process by their addresses, so the folder has a name of its own.
    with tempfile.TemporaryDirectory(prefix=prefix, dir=database.parent) as folder:
        new = Path(folder) / database.name
        MlflowClient(tracking_uri=sqlite_uri(new)).get_experiment_by_name("")
        os.replace(new, database)


def open_client(store: Store, name: str) -> tuple[Any, Any]:
    """Return a client and the experiment `name`, None if there is none.

    Raises:
        Exception: if the store cannot be opened, after one attempt.
    """
    check_store(store)
    for variable, value in DEFAULTS.items():
        os.environ.setdefault(variable, value)
    from mlflow.tracking import MlflowClient

    for logger, level in (("mlflow", os.environ["MLFLOW_LOGGING_LEVEL"].upper()), ("alembic", "WARNING")):
        logging.getLogger(logger).setLevel(level)
    if store.database is not None and not store.database.exists():
        _create_database(store.database)
    elif store.is_database_server:
        import sqlalchemy

        # One attempt: MLflow makes ten, which take a hundred seconds.
        sqlalchemy.create_engine(store.uri).connect().close()
    client = MlflowClient(tracking_uri=store.uri)
    return client, client.get_experiment_by_name(name)


def connect(store: Store, name: str) -> Experiment:
    """Return the experiment `name`, which is created if missing.

    Raises:
        NotOpenedError: if the store cannot be opened.
        StoreError: if the experiment was deleted, or its artifacts are in another folder because the project was moved.
    """
    try:
        client, experiment = open_client(store, name)
    except StoreError:
        raise
    except Exception as error:
        raise NotOpenedError(str(error) or type(error).__name__) from error
    if experiment is None:
        return Experiment(store, client, client.create_experiment(name, artifact_location=store.artifacts))
    # A user who has set MLFLOW_TRACKING_URI, perhaps with a password, has set it for `mlflow` too.
    command = "mlflow" if store.address else f"MLFLOW_TRACKING_URI={shlex.quote(store.uri)} mlflow"
    if experiment.lifecycle_stage == "deleted":
        raise StoreError(
            f"experiment {name!r} was deleted there; restore it (`{command} experiments restore --experiment-id "
            f"{experiment.experiment_id}`), delete it permanently (`{command} gc --experiment-ids "
            f"{experiment.experiment_id}`) or set another tracking.experiment in params.yaml"
        )
    if store.artifacts and experiment.artifact_location != store.artifacts:
        old_name = shlex.quote(free_name(name, client.get_experiment_by_name))
        raise StoreError(
            f"experiment {name!r} keeps its artifacts in {experiment.artifact_location}, but the project is now in "
            f"{store.folder}; set another tracking.experiment in params.yaml, or rename this one (`{command} "
            f"experiments rename --experiment-id {experiment.experiment_id} --new-name {old_name}`), then run "
            "`complaints track`: all runs are kept"
        )
    return Experiment(store, client, experiment.experiment_id)


def _resume(experiment: Experiment, found: Any) -> ActiveRun:
    run_id = found.info.run_id
    history = (point for key in found.data.metrics for point in experiment.client.get_metric_history(run_id, key))
    return ActiveRun(experiment, run_id, {(point.key, point.step) for point in history})


def _create(experiment: Experiment, name: str, tags: dict[str, str]) -> ActiveRun:
    created = experiment.client.create_run(experiment.experiment_id, run_name=name, tags=tags)
    return ActiveRun(experiment, created.info.run_id)


def open_run(experiment: Experiment, params: dict[str, str], tags: dict[str, str]) -> ActiveRun:
    """Return the unfinished run of a stage with the same inputs, whose process died, or a new run."""
    for found in experiment.stage_runs(tags["fingerprint"]):
        if found.info.status != "FINISHED":
            return _resume(experiment, found)
    stage = tags["stage"]
    previous = experiment.runs(f"tags.stage = '{stage}' AND attributes.status = 'FINISHED'", limit=1)
    before = (previous[0].data.params, previous[0].data.tags) if previous else None
    name, changed = name_run(stage, (params, tags), before)
    return _create(experiment, name, tags | ({"changed": changed} if changed else {}))


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
    named = [RunTag(name, value) for name, value in tags.items()]
    for start in range(0, len(named), TAGS_A_CALL):
        run.client.log_batch(run.run_id, tags=named[start : start + TAGS_A_CALL])


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
    if inputs:
        run.client.log_inputs(run.run_id, datasets=inputs)
    for file, folder in view.artifacts:
        run.client.log_artifact(run.run_id, str(file), folder)
    if view.rows:
        _log_rows(run, view.rows)
    run.client.set_terminated(run.run_id, "FINISHED")


def _log_rows(parent: ActiveRun, rows: list[Projection]) -> None:
    """Log the rows of a scoreboard as child runs, except those that are finished."""
    children = parent.experiment.runs(f"tags.{PARENT_TAG} = '{parent.run_id}'")
    known = {child.data.tags["scoreboard_row"]: child for child in children if "scoreboard_row" in child.data.tags}
    for row in rows:
        found = known.get(row.tags["scoreboard_row"])
        if found is None:
            finish_run(_create(parent.experiment, row.name, row.tags | {PARENT_TAG: parent.run_id}), row)
        elif found.info.status != "FINISHED":
            finish_run(_resume(parent.experiment, found), row)


def adopt(experiment: Experiment, parent: Any, children: list[Any]) -> None:
    """Make finished runs children of a run, except those whose parent is another active run."""
    for child in children:
        known = child.data.tags.get(PARENT_TAG)
        if known is None or (known != parent.info.run_id and not experiment.runs(f"attributes.run_id = '{known}'")):
            experiment.client.set_tag(child.info.run_id, PARENT_TAG, parent.info.run_id)
