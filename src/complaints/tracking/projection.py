"""Projection of a stage's files onto an MLflow run; MLflow itself is not needed here."""

import json
import math
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.csv_files import read_csv
from complaints.core.dvc_lock import Stage, folder_md5, is_inside
from complaints.core.files import file_digest, read_json
from complaints.lineage.chain import chain_of
from complaints.lineage.lock import flatten, is_code, stage_inputs_hash

RUN_FILES = {
    "baseline": (paths.TFIDF / "*.json",),
    "finetune": (paths.MODELS / "{name}/training.json", paths.HISTORIES / "{name}/*.csv"),
    "evaluate": (
        paths.METRICS,
        paths.SCOREBOARD,
        paths.EVALUATION / "index.html",
        paths.EVALUATION / "*.png",
    ),
}
"""Stages that have runs -> patterns of the files in each run; `name` is the entry of a foreach stage."""

SPLITS = paths.SPLITS.as_posix()
TOKENS = paths.TOKENS.as_posix()
MODELS = paths.MODELS.as_posix()
COORDINATES = ("step", "epoch")
"""Columns of a history that are positions, not measurements."""

Metric = tuple[str, float, int]
"""Name, value and step."""


@dataclass(frozen=True)
class Dataset:
    """Data that a stage read; `digest` is DVC's md5, which ends in `.dir` for a folder."""

    name: str
    digest: str
    context: str


@dataclass(frozen=True)
class Projection:
    """Content of one run."""

    name: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[Metric]
    datasets: list[Dataset]
    artifacts: list[tuple[Path, str]]
    """Files, each with its folder in the run."""


def kind_of(stage_name: str) -> str:
    """Return the name of a stage without its foreach entry."""
    return stage_name.partition("@")[0]


def outs_md5(stage: Stage) -> str:
    """Return one md5 for all outputs of a stage."""
    return folder_md5((out.path, out.md5) for out in stage.outs)


def history_metrics(rows: Iterable[Mapping[str, Any]]) -> list[Metric]:
    """Return every number in rows of a history at the row's `step`, or at its index if it has none."""
    metrics = []
    for number, row in enumerate(rows):
        step = int(row.get("step", number))
        for name, value in row.items():
            if name in COORDINATES or value is None or value == "":
                continue
            try:
                metrics.append((name, float(value), step))
            except ValueError:
                continue  # text, not a measurement
    return metrics


def _read_curves(folder: Path) -> list[Metric]:
    metrics = []
    for file in sorted(folder.glob("*.csv")):
        metrics += history_metrics(read_csv(file))
    return metrics


def _best_epoch(record: Path) -> list[Metric]:
    """Return the validation scores of the best epoch: MLflow's table shows the last point of a curve instead."""
    training = read_json(record) if record.is_file() else {}
    best = [row for row in training.get("epochs", []) if row["epoch"] == training.get("best_epoch")]
    return [
        (f"best_{name}", value, step) for name, value, step in history_metrics(best) if name.startswith("validation_")
    ]


def _metrics(stage: Stage, root: Path) -> list[Metric]:
    kind, _, entry = stage.name.partition("@")
    if kind == "finetune":
        return _read_curves(root / paths.HISTORIES / entry) + _best_epoch(root / paths.MODELS / entry / "training.json")
    if kind == "evaluate":
        scores = read_json(root / paths.METRICS)
        return [
            (f"{model}/{split}/{metric}", float(value), 0)
            for model, splits in scores.items()
            for split, values in splits.items()
            for metric, value in values.items()
            if value is not None and math.isfinite(value)
        ]
    return []


def _git(root: Path, *arguments: str) -> str | None:
    """Return the output of a git command, or None outside a repository or without git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe(stage: Stage, root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return parameters and tags of a stage that may still be running.

    `git_dirty` is about dvc.yaml, params.yaml and the stage's code, not about outputs in git.
    """
    code = [dep for dep in stage.deps if is_code(dep.path)]
    tags = {
        "stage": stage.name,
        "fingerprint": stage_inputs_hash(stage),
        "code_md5": folder_md5((dep.path, dep.md5) for dep in code),
        "params_md5": file_digest(root / "params.yaml", "md5"),
        "mlflow.source.name": stage.cmd,
    }
    if commit := _git(root, "rev-parse", "HEAD"):
        changed = _git(root, "status", "--porcelain", "--", "dvc.yaml", "params.yaml", *(dep.path for dep in code))
        tags |= {"mlflow.source.git.commit": commit, "git_dirty": json.dumps(bool(changed))}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    if (root / paths.MANIFEST).is_file():
        tags["synthetic"] = json.dumps(read_json(root / paths.MANIFEST).get("synthetic"))
    params = {name: item for declared in stage.params.values() for name, item in flatten(declared).items()}
    return {name: item if isinstance(item, str) else json.dumps(item) for name, item in params.items()}, tags


def _datasets(stage: Stage, lock: dict[str, Stage]) -> list[Dataset]:
    """Return the splits in the chain of a stage as one dataset, and the tokens that it read."""
    context = "evaluation" if kind_of(stage.name) == "evaluate" else "training"
    steps = chain_of(lock | {stage.name: stage}, stage.outs[0].path).steps
    splits = {out.path: out.md5 for step in steps for out in step.stage.outs if is_inside(out.path, SPLITS)}
    found = []
    if splits:
        combined = folder_md5((path.removeprefix(f"{SPLITS}/"), md5) for path, md5 in splits.items())
        found.append(Dataset(SPLITS, splits.get(SPLITS, combined), context))
    return found + [Dataset(dep.path, dep.md5, context) for dep in stage.deps if is_inside(dep.path, TOKENS)]


def project(stage: Stage, lock: dict[str, Stage], root: Path) -> Projection:
    """Return the run of a finished stage.

    Args:
        stage: The stage with its dependencies and outputs.
        lock: The stages of dvc.lock; those before this one must be up to date.
        root: The folder of dvc.yaml.

    Raises:
        UserError: if an output cannot be read.
    """
    kind, _, entry = stage.name.partition("@")
    params, tags = describe(stage, root)
    tags["outs_md5"] = outs_md5(stage)
    if models := [out.md5 for out in stage.outs if is_inside(out.path, MODELS)]:
        tags["model_md5"] = models[0]
    patterns = [pattern.as_posix().format(name=entry) for pattern in RUN_FILES[kind]]
    files = [file for pattern in patterns for file in sorted(root.glob(pattern))]
    artifacts = [(file, file.parent.relative_to(root).as_posix()) for file in files]
    return Projection(stage.name, params, tags, _metrics(stage, root), _datasets(stage, lock), artifacts)
