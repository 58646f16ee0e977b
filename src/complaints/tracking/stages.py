"""Stages as runs in MLflow: one run for each stage and its inputs, projected from the files the stage wrote.

DVC decides and stores, MLflow shows and searches; whatever is here can be made again from dvc.lock and the outputs.
A stage logs itself with

    run = tracking.start_run(settings)      # only for live curves; None when nothing is tracked
    tracking.log_history(run, rows)         # rows with a `step`; those already logged may be among them
    tracking.log_stage(settings, run)       # the stage's last line, when all its outputs are written

and `sync` gives a run to every stage in dvc.lock that has none, because DVC restored it from its cache or because
MLflow could not be reached. A stage run by hand, without `dvc repro`, is not tracked. Nothing that happens to MLflow
ends a stage.
"""

import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from complaints.core.files import file_digest
from complaints.lineage.lock import Stage, fingerprint, hash_path, read_lock, stage_now
from complaints.tracking.mlflow_client import (
    Run,
    attempt,
    connect,
    find_runs,
    finish_run,
    finished_twin,
    log_metrics,
    log_params,
    open_run,
    synced_in_sqlite,
)
from complaints.tracking.params import TrackingParams
from complaints.tracking.projection import ARTIFACTS, curve, describe, kind_of, outs_md5, project


def _store_root(root: Path) -> Path:
    """Return the folder of mlflow.db: the parent project's, for `dvc exp run --temp`."""
    return Path(os.environ.get("DVC_ROOT") or root).resolve()


def store_uri(root: Path) -> str:
    """Return where runs go: MLFLOW_TRACKING_URI, or mlflow.db at the root of the project."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_store_root(root) / 'mlflow.db'}"


def _connect(uri: str, settings: TrackingParams, root: Path) -> tuple[Any, str]:
    own = not os.environ.get("MLFLOW_TRACKING_URI")
    return connect(uri, settings.experiment, _store_root(root) / "mlartifacts" if own else None)


@functools.cache
def _is_installed() -> bool:
    """Say whether MLflow is there; if not, say so once to the user too."""
    found = importlib.util.find_spec("mlflow") is not None
    if not found:
        print("note: mlflow is not installed, so nothing is tracked", file=sys.stderr)
    return found


def start_run(settings: TrackingParams, root: Path = Path(".")) -> Run | None:
    """Open the run of the stage that this process is, or go on with the one that a killed process left.

    Returns:
        The run, which is `lost` if MLflow failed, or None if nothing is tracked.
    """
    name = _this_stage()
    if name is None or not (settings.enabled and _is_installed()):
        return None
    uri = store_uri(root)

    def begin() -> Run:
        params, tags = describe(stage_now(name, root), root)
        client, experiment_id = _connect(uri, settings, root)
        run = open_run(client, experiment_id, uri, name, tags)
        log_params(run, params, tags)
        return run

    return attempt(uri, begin) or Run(None, "", uri, lost=True)


def log_history(run: Run | None, rows: Iterable[Mapping[str, Any]]) -> None:
    """Log the numbers in rows of a history as curves; points that are already there are left out.

    Args:
        run: From `start_run`; None and lost runs are fine.
        rows: Each with a `step` and numbers by name.
    """
    if run is None or run.lost:
        return
    run.lost = attempt(run.uri, lambda: log_metrics(run, curve(rows))) is None


def log_stage(settings: TrackingParams, run: Run | None = None, root: Path = Path(".")) -> None:
    """Log the stage that this process is, from the files it has just written, and finish its run.

    Args:
        settings: The section `tracking` of params.yaml.
        run: What `start_run` returned; a lost one is left to `sync`.
        root: The folder of dvc.yaml.
    """
    name = _this_stage()
    if name is None or not (settings.enabled and _is_installed()) or (run is not None and run.lost):
        return
    uri = store_uri(root)

    def finish() -> None:
        lock_file = root / "dvc.lock"
        lock = read_lock(lock_file) if lock_file.is_file() else {}
        view = project(stage_now(name, root), lock, root)
        client, experiment_id = _connect(uri, settings, root)
        twin = finished_twin(find_runs(client, experiment_id, view.tags["fingerprint"]), view.tags["outs_md5"])
        if twin is None:
            finish_run(run or open_run(client, experiment_id, uri, name, view.tags), view)
        elif run is not None:
            client.delete_run(run.run_id)  # the same inputs gave the same outputs again: that run is there already

    attempt(uri, finish)


def _this_stage() -> str | None:
    """Return the name of the stage that DVC runs in this process, if it is one that has runs."""
    name = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
    return name if kind_of(name) in ARTIFACTS else None


def sync(root: Path, settings: TrackingParams) -> list[str]:
    """Give a run to every stage in dvc.lock that has none, and tag each stage's run with the md5 of dvc.lock.

    A stage whose outputs in the workspace are not those of dvc.lock is left out, with a note.

    Returns:
        The names of the stages that were logged.

    Raises:
        UserError: if there is no dvc.lock or it cannot be read.
    """
    if not (settings.enabled and _is_installed()):
        return []
    uri = store_uri(root)
    lock = read_lock(root / "dvc.lock")
    bound = synced_in_sqlite(uri, settings.experiment)
    stages = [stage for stage in lock.values() if kind_of(stage.name) in ARTIFACTS]
    waiting = [stage for stage in stages if (fingerprint(stage), outs_md5(stage)) not in bound]
    if not waiting:
        return []
    seal = {"lock_md5": file_digest(root / "dvc.lock", "md5")}
    logged: list[str] = []

    def log(stage: Stage, client: Any, experiment_id: str) -> None:
        twin = finished_twin(find_runs(client, experiment_id, fingerprint(stage)), outs_md5(stage))
        if twin is not None:
            if "lock_md5" not in twin.data.tags:
                client.set_tag(twin.info.run_id, "lock_md5", seal["lock_md5"])
        elif any(hash_path(root, out.path) != out.md5 for out in stage.outs):
            print(f"note: no run for {stage.name}: its outputs are not those of dvc.lock; `dvc repro`", file=sys.stderr)
        else:
            view = project(stage, lock, root)
            view.tags.update(seal)
            finish_run(open_run(client, experiment_id, uri, stage.name, view.tags), view)
            logged.append(stage.name)

    def log_all() -> None:
        client, experiment_id = _connect(uri, settings, root)
        for stage in waiting:
            log(stage, client, experiment_id)

    attempt(uri, log_all)
    return logged
