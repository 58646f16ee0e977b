"""Tracking of stages: one MLflow run per stage and inputs, projected from the files that the stage wrote.

DVC decides and stores, MLflow shows and searches; dvc.lock and the outputs suffice to log every run again.
A stage logs itself with

    run = tracking.start_run(settings)      # only for live curves; None if tracking is off
    tracking.log_history(run, rows)         # rows with a `step`; repeated rows are skipped
    tracking.log_stage(settings, run)       # after all outputs are written

`sync` logs the stages of dvc.lock that have no run because DVC restored them from its cache or because MLflow could not
be reached. A stage that is run without `dvc repro` is not tracked. A failure of MLflow never ends a stage.
"""

import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.dvc_lock import Stage, hash_path, read_lock
from complaints.core.files import file_digest
from complaints.core.paths import SCRATCH
from complaints.lineage.lock import stage_inputs_hash, stage_now
from complaints.tracking.mlflow_client import (
    ActiveRun,
    attempt,
    connect,
    duplicate_run,
    find_runs,
    finish_run,
    log_metrics,
    log_params,
    open_run,
)
from complaints.tracking.params import TrackingParams
from complaints.tracking.projection import RUN_FILES, describe, history_metrics, kind_of, outs_md5, project
from complaints.tracking.record import LoggedStage, Record
from complaints.tracking.store import store_of

RECORD = SCRATCH / "tracked.json"


@functools.cache
def _is_installed() -> bool:
    """Return whether MLflow is installed; if not, print one note."""
    found = importlib.util.find_spec("mlflow") is not None
    if not found:
        print("note: mlflow is not installed, so nothing is tracked", file=sys.stderr)
    return found


def _this_stage() -> str | None:
    """Return the name of the stage that DVC runs in this process, None if it has no runs."""
    name = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
    return name if kind_of(name) in RUN_FILES else None


def start_run(settings: TrackingParams, root: Path = Path(".")) -> ActiveRun | None:
    """Open a run for the stage of this process, or resume the run that a killed process left.

    Returns:
        The run, marked as failed if MLflow failed, or None if nothing is tracked.
    """
    name = _this_stage()
    if name is None or not (settings.enabled and _is_installed()):
        return None
    store = store_of(root)

    def begin() -> ActiveRun:
        params, tags = describe(stage_now(name, root), root)
        client, experiment_id = connect(store, settings.experiment)
        run = open_run(client, experiment_id, store, name, tags)
        log_params(run, params, tags)
        return run

    return attempt(store, begin) or ActiveRun(None, "", store, failed=True)


def log_history(run: ActiveRun | None, rows: Iterable[Mapping[str, Any]]) -> None:
    """Log the numbers in rows of a history as curves; points that are logged already are skipped.

    Args:
        run: The result of `start_run`; nothing is logged to a failed run or to None.
        rows: Each with a `step` and numbers by name.
    """
    if run is None or run.failed:
        return
    run.failed = attempt(run.store, lambda: log_metrics(run, history_metrics(rows))) is None


def log_stage(settings: TrackingParams, run: ActiveRun | None = None, root: Path = Path(".")) -> None:
    """Log the stage of this process from the files that it has just written, and finish its run.

    Args:
        settings: The section `tracking` of params.yaml.
        run: The result of `start_run`; a failed one is left to `sync`.
        root: The folder of dvc.yaml.
    """
    name = _this_stage()
    if name is None or not (settings.enabled and _is_installed()) or (run is not None and run.failed):
        return
    store = store_of(root)

    def finish() -> None:
        lock_file = root / "dvc.lock"
        lock = read_lock(lock_file) if lock_file.is_file() else {}
        view = project(stage_now(name, root), lock, root)
        client, experiment_id = connect(store, settings.experiment)
        duplicate = duplicate_run(find_runs(client, experiment_id, view.tags["fingerprint"]), view.tags["outs_md5"])
        if duplicate is None:
            finish_run(run or open_run(client, experiment_id, store, name, view.tags), view)
        elif run is not None:
            client.delete_run(run.run_id)  # the same inputs gave the same outputs again

    attempt(store, finish)


def sync(root: Path, settings: TrackingParams) -> list[str]:
    """Log every stage of dvc.lock that has no run, and tag the run of each stage with the md5 of dvc.lock.

    A stage whose outputs in the workspace differ from dvc.lock is skipped with a note.

    Returns:
        The names of the stages that were logged.

    Raises:
        UserError: if dvc.lock is missing or cannot be read.
    """
    if not (settings.enabled and _is_installed()):
        return []
    store = store_of(root)
    lock = read_lock(root / "dvc.lock")
    record = Record(root / RECORD, store.database, settings.experiment)
    known = record.read()
    entries = set(read_yaml(root / PARAMS_FILE)["models"])
    # DVC keeps the stages of removed entries in dvc.lock.
    stages = [
        stage
        for stage in lock.values()
        if kind_of(stage.name) in RUN_FILES and ("@" not in stage.name or stage.name.partition("@")[2] in entries)
    ]
    waiting = [stage for stage in stages if _key(stage) not in known]
    if not waiting:
        return []
    lock_tag = {"lock_md5": file_digest(root / "dvc.lock", "md5")}
    logged: list[str] = []

    def log(stage: Stage, client: Any, experiment_id: str) -> bool:
        """Return whether the stage has a run with the lock's tag now."""
        duplicate = duplicate_run(find_runs(client, experiment_id, stage_inputs_hash(stage)), outs_md5(stage))
        if duplicate is not None:
            if "lock_md5" not in duplicate.data.tags:
                client.set_tag(duplicate.info.run_id, "lock_md5", lock_tag["lock_md5"])
            return True
        if any(hash_path(root, out.path) != out.md5 for out in stage.outs):
            print(
                f"note: {stage.name} is not logged: its outputs differ from dvc.lock; run `dvc repro`",
                file=sys.stderr,
            )
            return False
        view = project(stage, lock, root)
        view.tags.update(lock_tag)
        finish_run(open_run(client, experiment_id, store, stage.name, view.tags), view)
        logged.append(stage.name)
        return True

    def log_waiting() -> set[LoggedStage]:
        client, experiment_id = connect(store, settings.experiment)
        return {_key(stage) for stage in waiting if log(stage, client, experiment_id)}

    added = attempt(store, log_waiting)
    if added is not None:
        record.write(known | added)
    return logged


def _key(stage: Stage) -> LoggedStage:
    return stage_inputs_hash(stage), outs_md5(stage)
