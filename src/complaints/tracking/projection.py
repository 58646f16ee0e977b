"""What a run in MLflow shows of a stage, read from the files the stage wrote; nothing here needs MLflow."""

import csv
import json
import math
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core.files import file_digest, read_json
from complaints.lineage import chain
from complaints.lineage.lock import Stage, fingerprint, flatten, folder_md5, is_code, is_inside

ARTIFACTS = {
    "baseline": ("models/tfidf/*.json",),
    "finetune": ("models/{name}/training.json", "reports/training/{name}/*.csv"),
    "evaluate": (
        "reports/metrics.json",
        "reports/evaluation/scoreboard.md",
        "reports/evaluation/index.html",
        "reports/evaluation/*.png",
    ),
}
"""The stages that have runs, and the files each run carries; `name` is the entry of a foreach stage."""

SPLITS = "data/splits"
TOKENS = "data/tokens"
MODELS = "models"
COORDINATES = ("step", "epoch")
"""Columns of a history that say when, not what."""

Metric = tuple[str, float, int]
"""Name, value and step."""


@dataclass(frozen=True)
class Dataset:
    """Data that a stage read; `digest` is DVC's md5, with `.dir` for a folder."""

    name: str
    digest: str
    context: str


@dataclass(frozen=True)
class Projection:
    """One run: its parameters, tags, metrics, datasets, and the files it carries by the folder they appear in."""

    name: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[Metric]
    datasets: list[Dataset]
    artifacts: list[tuple[Path, str]]


def kind_of(stage_name: str) -> str:
    """Return the name of a stage without its foreach entry."""
    return stage_name.partition("@")[0]


def outs_md5(stage: Stage) -> str:
    """Return one md5 for all that a stage wrote."""
    return folder_md5((out.path, out.md5) for out in stage.outs)


def curve(rows: Iterable[Mapping[str, Any]]) -> list[Metric]:
    """Return the metrics in rows of a history: every number beside a `step`; rows without a step are counted."""
    metrics = []
    for number, row in enumerate(rows):
        step = int(row.get("step", number))
        for name, value in row.items():
            if name in COORDINATES or value is None or value == "":
                continue
            try:
                metrics.append((name, float(value), step))
            except ValueError:
                continue  # a word, not a measurement
    return metrics


def _read_curves(folder: Path) -> list[Metric]:
    metrics = []
    for file in sorted(folder.glob("*.csv")):
        with open(file, newline="", encoding="utf-8") as stream:
            metrics += curve(csv.DictReader(stream))
    return metrics


def _best_epoch(record: Path) -> list[Metric]:
    """Return the validation scores of the epoch that was kept: MLflow's table shows a curve's last point instead."""
    training = read_json(record) if record.is_file() else {}
    best = [row for row in training.get("epochs", []) if row["epoch"] == training.get("best_epoch")]
    return [(f"best_{name}", value, step) for name, value, step in curve(best) if name.startswith("validation_")]


def _metrics(stage: Stage, root: Path) -> list[Metric]:
    kind, _, entry = stage.name.partition("@")
    if kind == "finetune":
        return _read_curves(root / "reports/training" / entry) + _best_epoch(root / MODELS / entry / "training.json")
    if kind == "evaluate":
        scores = read_json(root / "reports/metrics.json")
        return [
            (f"{model}/{split}/{metric}", float(value), 0)
            for model, splits in scores.items()
            for split, values in splits.items()
            for metric, value in values.items()
            if value is not None and math.isfinite(value)
        ]
    return []


def _git(root: Path, *arguments: str) -> str | None:
    """Return what a git command prints, or None outside of a repository (or where there is no git)."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe(stage: Stage, root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return parameters and tags of a stage that may still be running.

    `git_dirty` speaks of what decides the outcome: dvc.yaml, params.yaml and the stage's code, not of outputs in git.
    """
    code = [dep for dep in stage.deps if is_code(dep.path)]
    tags = {
        "stage": stage.name,
        "fingerprint": fingerprint(stage),
        "code_md5": folder_md5((dep.path, dep.md5) for dep in code),
        "params_md5": file_digest(root / "params.yaml", "md5"),
        "mlflow.source.name": stage.cmd,
    }
    if commit := _git(root, "rev-parse", "HEAD"):
        changed = _git(root, "status", "--porcelain", "--", "dvc.yaml", "params.yaml", *(dep.path for dep in code))
        tags |= {"mlflow.source.git.commit": commit, "git_dirty": json.dumps(bool(changed))}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    if (root / chain.MANIFEST).is_file():
        tags["synthetic"] = json.dumps(read_json(root / chain.MANIFEST).get("synthetic"))
    params = {name: item for declared in stage.params.values() for name, item in flatten(declared).items()}
    return {name: item if isinstance(item, str) else json.dumps(item) for name, item in params.items()}, tags


def _datasets(stage: Stage, lock: dict[str, Stage]) -> list[Dataset]:
    """Return the split files that a stage's chain goes back to, as one dataset, and the tokens made of them."""
    context = "evaluation" if kind_of(stage.name) == "evaluate" else "training"
    steps = chain.trace(lock | {stage.name: stage}, stage.outs[0].path).steps
    splits = {out.path: out.md5 for step in steps for out in step.stage.outs if is_inside(out.path, SPLITS)}
    found = []
    if splits:
        whole = folder_md5((path.removeprefix(f"{SPLITS}/"), md5) for path, md5 in splits.items())
        found.append(Dataset(SPLITS, splits.get(SPLITS, whole), context))
    return found + [Dataset(dep.path, dep.md5, context) for dep in stage.deps if is_inside(dep.path, TOKENS)]


def project(stage: Stage, lock: dict[str, Stage], root: Path) -> Projection:
    """Return the run of a finished stage.

    Args:
        stage: The stage with what it read and wrote.
        lock: dvc.lock, whose entries for the stages before this one are true.
        root: The folder of dvc.yaml.

    Raises:
        UserError: if an output cannot be read.
    """
    kind, _, entry = stage.name.partition("@")
    params, tags = describe(stage, root)
    tags["outs_md5"] = outs_md5(stage)
    if models := [out.md5 for out in stage.outs if is_inside(out.path, MODELS)]:
        tags["model_md5"] = models[0]
    patterns = [pattern.format(name=entry) for pattern in ARTIFACTS[kind]]
    files = [file for pattern in patterns for file in sorted(root.glob(pattern))]
    artifacts = [(file, file.parent.relative_to(root).as_posix()) for file in files]
    return Projection(stage.name, params, tags, _metrics(stage, root), _datasets(stage, lock), artifacts)
