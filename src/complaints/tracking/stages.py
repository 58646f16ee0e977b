"""Tracking of stages: one MLflow run per stage and inputs, projected from the files that the stage wrote.

DVC decides and stores, MLflow shows and searches; dvc.lock and the outputs suffice to log every run again.
A stage logs itself with

    with tracked(settings, live=True) as run:   # `live` only for curves; the run is None if tracking is off
        log_history(run, rows)                  # rows with a `step`; repeated rows are skipped
        ...                                     # all outputs are written

which calls `start_run` and `log_stage`, and announces the stage to OpenLineage if that was asked for.

The module `sync` logs stages that DVC restored from its cache. A stage that is run without `dvc repro` is not tracked.
A failure of MLflow never ends a stage.

The run of `evaluate` stands for a state of the pipeline. Its children are a run for each row of the scoreboard, and the
runs of `baseline` and `finetune` in its chain. A training that several evaluations share is a child of the first one
that was logged.
"""

import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.dvc_lock import Stage, read_lock
from complaints.core.stage import is_first
from complaints.lineage.chain import chain_of
from complaints.lineage.lock import stage_inputs_hash, stage_now
from complaints.tracking.announcements import Announcer, endpoint_of
from complaints.tracking.logged_models import ensure_model, link_scores
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
from complaints.tracking.projection import (
    PARENT,
    RUN_FILES,
    checkpoint_of,
    describe,
    kind_of,
    outs_md5,
    project,
)
from complaints.tracking.store import logging_lock, store_of

NOT_INSTALLED = "mlflow is not installed, so nothing is tracked"


@functools.cache
def is_installed() -> bool:
    """Return whether there is an MLflow."""
    return importlib.util.find_spec("mlflow") is not None


@functools.cache
def _note_once(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def _is_on(settings: TrackingParams) -> bool:
    """Return whether stages log themselves; if MLflow is missing, print one note."""
    if settings.enabled and not is_installed():
        _note_once(NOT_INSTALLED)
    return settings.enabled and is_installed()


def _this_stage() -> str | None:
    """Return the name of the stage that DVC runs in this process, None if it has no runs."""
    name = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
    return name if kind_of(name) in RUN_FILES else None


def current_stages(root: Path) -> dict[str, Stage]:
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
        lock = current_stages(root) if (root / "dvc.lock").is_file() else {}
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
            connect_runs(experiment, lock | {name: stage})

    attempt(store, finish)


@contextmanager
def tracked(settings: TrackingParams, live: bool = False, root: Path = Path(".")) -> Iterator[ActiveRun | None]:
    """Log and announce the stage of this process, whose outputs are all written when the block ends.

    Args:
        settings: The section `tracking` of params.yaml.
        live: Open the run before the block, for `log_history`.
        root: The folder of dvc.yaml.

    Yields:
        The result of `start_run`, None unless `live`. Of distributed processes only rank 0 is tracked.
    """
    name = _this_stage() if is_first() else None
    if name is None:
        yield None
        return
    endpoint = endpoint_of(settings, root)
    announcer = Announcer(endpoint, name, root) if endpoint else None
    if announcer:
        announcer.announce("START")
    run = start_run(settings, root) if live else None
    try:
        yield run
    except BaseException as error:
        if announcer:
            announcer.announce("ABORT" if isinstance(error, KeyboardInterrupt) else "FAIL", error)
        raise
    log_stage(settings, run, root)
    if announcer:
        announcer.announce("COMPLETE")


def connect_runs(experiment: Experiment, lock: dict[str, Stage]) -> None:
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
