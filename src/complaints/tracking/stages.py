"""Tracking of stages: one MLflow run per stage and inputs, projected from the files that the stage wrote.

DVC decides and stores, MLflow shows and searches; dvc.lock and the outputs suffice to log every run again.
A stage logs itself with

    run = tracking.start_run(settings)      # only for live curves; None if tracking is off
    tracking.log_history(run, rows)         # rows with a `step`; repeated rows are skipped
    tracking.log_stage(settings, run)       # after all outputs are written

`sync` logs the stages of dvc.lock that have no run because DVC restored them from its cache or because MLflow could not
be reached. A stage that is run without `dvc repro` is not tracked. A failure of MLflow never ends a stage.

The run of `evaluate` stands for a state of the pipeline. Its children are a run for each row of the scoreboard, and the
runs of `baseline` and `finetune` in its chain. A training that several evaluations share is a child of the first one
that was logged.
"""

import functools
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.dvc_lock import Stage, hash_path, read_lock
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.paths import SCRATCH
from complaints.lineage.chain import chain_of
from complaints.lineage.lock import stage_inputs_hash, stage_now
from complaints.tracking.logged_models import CONTENT, ensure_model, link_scores
from complaints.tracking.metrics import history_metrics
from complaints.tracking.mlflow_client import (
    ActiveRun,
    Experiment,
    adopt,
    attempt,
    connect,
    duplicate_run,
    finish_run,
    log_metrics,
    log_params,
    open_run,
)
from complaints.tracking.params import TrackingParams
from complaints.tracking.problems import problem
from complaints.tracking.projection import (
    PARENT,
    RUN_FILES,
    checkpoint_of,
    describe,
    digest_tags,
    kind_of,
    outs_md5,
    project,
)
from complaints.tracking.record import LoggedStage, Record
from complaints.tracking.store import logging_lock, store_of

RECORD = SCRATCH / "tracked.json"
NOT_INSTALLED = "mlflow is not installed, so nothing is tracked"


@functools.cache
def _is_installed() -> bool:
    return importlib.util.find_spec("mlflow") is not None


@functools.cache
def _note_once(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def _is_on(settings: TrackingParams) -> bool:
    """Return whether stages log themselves; if MLflow is missing, print one note."""
    if settings.enabled and not _is_installed():
        _note_once(NOT_INSTALLED)
    return settings.enabled and _is_installed()


def _this_stage() -> str | None:
    """Return the name of the stage that DVC runs in this process, None if it has no runs."""
    name = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
    return name if kind_of(name) in RUN_FILES else None


def _current_stages(root: Path) -> dict[str, Stage]:
    """Return the stages of dvc.lock without those of removed entries, which DVC keeps there."""
    lock = read_lock(root / "dvc.lock")
    entries = read_yaml(root / PARAMS_FILE)["models"]
    return {name: stage for name, stage in lock.items() if "@" not in name or name.partition("@")[2] in entries}


def start_run(settings: TrackingParams, root: Path = Path(".")) -> ActiveRun | None:
    """Open a run for the stage of this process, or resume the run that a killed process left.

    Returns:
        The run, marked as failed if MLflow failed, or None if nothing is tracked.
    """
    name = _this_stage()
    if name is None or not _is_on(settings):
        return None
    store = store_of(root)

    def begin() -> ActiveRun:
        params, tags = describe(stage_now(name, root), root)
        with logging_lock(store):
            run = open_run(connect(store, settings.experiment), params, tags)
            log_params(run, params, tags)
        return run

    return attempt(store, begin) or ActiveRun(Experiment(store, None, ""), "", failed=True)


def log_history(run: ActiveRun | None, rows: Iterable[Mapping[str, object]]) -> None:
    """Log the numbers in rows of a history as curves; points that are logged already are skipped.

    Args:
        run: The result of `start_run`; nothing is logged to a failed run or to None.
        rows: Each with a `step` and numbers by name.
    """
    if run is None or run.failed:
        return
    run.failed = attempt(run.experiment.store, lambda: log_metrics(run, history_metrics(rows))) is None


def log_stage(settings: TrackingParams, run: ActiveRun | None = None, root: Path = Path(".")) -> None:
    """Log the stage of this process from the files that it has just written, and finish its run.

    Args:
        settings: The section `tracking` of params.yaml.
        run: The result of `start_run`; a failed one is left to `sync`.
        root: The folder of dvc.yaml.
    """
    name = _this_stage()
    if name is None or not _is_on(settings) or (run is not None and run.failed):
        return
    store = store_of(root)

    def finish() -> None:
        lock = _current_stages(root) if (root / "dvc.lock").is_file() else {}
        stage = stage_now(name, root)
        view = project(stage, lock, root)
        with logging_lock(store):
            experiment = connect(store, settings.experiment)
            duplicate = duplicate_run(experiment.stage_runs(view.tags["fingerprint"]), view.tags["outs_md5"])
            if duplicate is None:
                active = run or open_run(experiment, view.params, view.tags)
                finish_run(active, view)
                duplicate = active.client.get_run(active.run_id)
            elif run is not None and run.run_id != duplicate.info.run_id:
                run.client.delete_run(run.run_id)  # the same inputs gave the same outputs again
            if checkpoint := checkpoint_of(stage):
                files = root / checkpoint.path if settings.copy_weights else None
                ensure_model(experiment, duplicate, checkpoint, files)
            _connect_runs(experiment, lock | {name: stage})

    attempt(store, finish)


def _connect_runs(experiment: Experiment, lock: dict[str, Stage]) -> None:
    """Nest the runs of the stages in the chain of `evaluate` under its run, if it has one, and link its scores."""
    if PARENT not in lock:
        return

    def run_of(stage: Stage) -> object:
        return duplicate_run(experiment.stage_runs(stage_inputs_hash(stage)), outs_md5(stage))

    chain = chain_of(lock, lock[PARENT].outs[0].path)
    children = [step.stage for step in chain.steps if kind_of(step.stage.name) in RUN_FILES.keys() - {PARENT}]
    if parent := run_of(lock[PARENT]):
        adopt(experiment, parent, [run for run in map(run_of, children) if run])
        link_scores(experiment, parent)


def _known_run(stage: Stage, experiment: Experiment, tags: dict[str, str]) -> Any:
    """Return the finished run of a stage, None if it has none; it gets the tags that it lacks."""
    found = duplicate_run(experiment.stage_runs(stage_inputs_hash(stage)), outs_md5(stage))
    if found is not None:
        for tag in tags.keys() - found.data.tags.keys():
            experiment.client.set_tag(found.info.run_id, tag, tags[tag])
    return found


def sync(root: Path, settings: TrackingParams, report: Callable[[str], object] = lambda stage: None) -> list[str]:
    """Log every stage of dvc.lock that has no run, and tag the run of each stage with the md5 of dvc.lock.

    Args:
        root: The folder of dvc.yaml.
        settings: The section `tracking` of params.yaml.
        report: Called with the name of each stage that was logged.

    Returns:
        The names of the stages that were logged.

    Raises:
        UserError: if dvc.lock is missing or cannot be read, or if a stage could not be logged: because of MLflow, or
            because its outputs in the workspace differ from dvc.lock. The other stages are logged.
    """
    if not settings.enabled:
        return []
    if not _is_installed():
        raise UserError(f"{NOT_INSTALLED}; install it, or set tracking.enabled: false in params.yaml")
    store = store_of(root)
    lock = _current_stages(root)
    record = Record(root / RECORD, store.database, settings.experiment, f"{CONTENT}, copies: {settings.copy_weights}")
    known = record.read()
    waiting = [stage for stage in lock.values() if kind_of(stage.name) in RUN_FILES and _key(stage) not in known]
    if not waiting:
        return []
    lock_md5 = file_digest(root / "dvc.lock", "md5")
    logged: list[str] = []
    differing: list[Stage] = []

    def log(stage: Stage, experiment: Experiment) -> None:
        tags = digest_tags(chain_of(lock, stage.outs[0].path)) | {"lock_md5": lock_md5}
        run, checkpoint = _known_run(stage, experiment, tags), checkpoint_of(stage)
        copies = checkpoint is not None and settings.copy_weights
        if (run is None or copies) and any(hash_path(root, out.path) != out.md5 for out in stage.outs):
            differing.append(stage)
            return
        if run is None:
            view = project(stage, lock, root)
            view.tags["lock_md5"] = lock_md5
            active = open_run(experiment, view.params, view.tags)
            finish_run(active, view)
            run = active.client.get_run(active.run_id)
            logged.append(stage.name)
            report(stage.name)
        if checkpoint:
            ensure_model(experiment, run, checkpoint, root / checkpoint.path if copies else None)

    try:
        with logging_lock(store):
            experiment = connect(store, settings.experiment)
            for stage in waiting:
                log(stage, experiment)
            _connect_runs(experiment, lock)
    except Exception as error:
        raise UserError(problem(store, error)) from error
    record.write(known | {_key(stage) for stage in waiting if stage not in differing})
    if differing:
        names = ", ".join(stage.name for stage in differing)
        raise UserError(f"not logged to MLflow: {names}; their outputs differ from dvc.lock; run `dvc repro`")
    return logged


def _key(stage: Stage) -> LoggedStage:
    return stage_inputs_hash(stage), outs_md5(stage)
