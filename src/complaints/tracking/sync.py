"""Stages of dvc.lock that have no run in MLflow or no events in OpenLineage: `complaints track` makes up for both.

DVC restored them from its cache, or MLflow could not be reached while they ran.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from complaints.core.dvc_lock import Stage, hash_path
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.paths import SCRATCH
from complaints.lineage.chain import chain_of
from complaints.lineage.lock import stage_inputs_hash
from complaints.tracking.announcements import announce_restored, endpoint_of
from complaints.tracking.logged_models import CONTENT, ensure_model
from complaints.tracking.mlflow_client import Experiment, connect, duplicate_run, finish_run, open_run
from complaints.tracking.params import TrackingParams
from complaints.tracking.problems import problem
from complaints.tracking.projection import RUN_FILES, checkpoint_of, digest_tags, kind_of, outs_md5, project
from complaints.tracking.record import LoggedStage, Record
from complaints.tracking.stages import NOT_INSTALLED, connect_runs, current_stages, is_installed
from complaints.tracking.store import logging_lock, store_of

RECORD = SCRATCH / "tracked.json"


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
    if not is_installed():
        raise UserError(f"{NOT_INSTALLED}; install it, or set tracking.enabled: false in params.yaml")
    store = store_of(root)
    lock = current_stages(root)
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
            connect_runs(experiment, lock)
    except Exception as error:
        raise UserError(problem(store, error)) from error
    record.write(known | {_key(stage) for stage in waiting if stage not in differing})
    if differing:
        names = ", ".join(stage.name for stage in differing)
        raise UserError(f"not logged to MLflow: {names}; their outputs differ from dvc.lock; run `dvc repro`")
    return logged


def sync_events(
    root: Path, settings: TrackingParams, report: Callable[[str], object] = lambda stage: None
) -> list[str]:
    """Announce every stage of dvc.lock whose end was not announced to OpenLineage, if events were asked for.

    Returns:
        The names of the stages that were announced.

    Raises:
        UserError: if dvc.lock cannot be read, or the events cannot be sent.
    """
    endpoint = endpoint_of(settings, root)
    return announce_restored(endpoint, current_stages(root), root, report) if endpoint else []


def track(root: Path, settings: TrackingParams, report: Callable[[str], object]) -> None:
    """Log and announce what is missing; a problem of MLflow does not keep the events back.

    Raises:
        UserError: as `sync` and `sync_events` do; the message has the problems of both.
    """
    actions: list[tuple[Callable[..., object], Callable[[str], object]]] = [
        (sync, lambda stage: report(f"logged to MLflow: {stage}")),
        (sync_events, lambda stage: report(f"sent to OpenLineage: {stage}")),
    ]
    problems = []
    for action, done in actions:
        try:
            action(root, settings, done)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(dict.fromkeys(problems)))


def _key(stage: Stage) -> LoggedStage:
    return stage_inputs_hash(stage), outs_md5(stage)
