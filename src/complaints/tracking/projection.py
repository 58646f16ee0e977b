"""Projection of a stage's files onto an MLflow run; MLflow itself is not needed here."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from complaints.core import paths
from complaints.core.dvc_lock import Entry, Stage, folder_md5, is_inside
from complaints.core.files import file_digest, read_json
from complaints.deciding.row_names import ENSEMBLE, REFERENCE, model_of
from complaints.lineage.chain import Chain, chain_of
from complaints.lineage.digest_tags import MODEL_MD5, digest_tag
from complaints.lineage.git import git
from complaints.lineage.lock import flatten, is_code, stage_inputs_hash
from complaints.scoring.rungs import KNN
from complaints.tracking.metrics import Metric, best_epoch, curves, fit_statistics, score_metrics
from complaints.tracking.naming import entry_of

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
PARENT = "evaluate"
"""The stage whose run is the parent of the runs of the stages in its chain."""

SPLITS = paths.SPLITS.as_posix()
TOKENS = paths.TOKENS.as_posix()
MODELS = paths.MODELS.as_posix()
SECTIONS = {REFERENCE: "baseline.", KNN: "knn.", ENSEMBLE: "decide."}
"""Models that are no entries of `models:` -> the beginning of the keys of their parameters."""


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
    """Name of the stage, or of a row of the scoreboard."""
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[Metric]
    datasets: list[Dataset] = field(default_factory=list)
    artifacts: list[tuple[Path, str]] = field(default_factory=list)
    """Files, each with its folder in the run."""
    rows: "list[Projection]" = field(default_factory=list)
    """Rows of the scoreboard, each a child run."""


def kind_of(stage_name: str) -> str:
    """Return the name of a stage without its foreach entry."""
    return stage_name.partition("@")[0]


def outs_md5(stage: Stage) -> str:
    """Return one md5 for all outputs of a stage."""
    return folder_md5((out.path, out.md5) for out in stage.outs)


def describe(stage: Stage, root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return parameters and tags of a stage that may still be running.

    `git_dirty` is about dvc.yaml, params.yaml and the stage's code, not about outputs in git.
    """
    code = [dep for dep in stage.deps if is_code(dep.path)]
    data = [dep for dep in stage.deps if not is_code(dep.path)]
    tags = {
        "stage": stage.name,
        "fingerprint": stage_inputs_hash(stage),
        "code_md5": folder_md5((dep.path, dep.md5) for dep in code),
        "data_md5": folder_md5((dep.path, dep.md5) for dep in data),
        "params_md5": file_digest(root / "params.yaml", "md5"),
        "mlflow.source.name": stage.cmd,
    }
    if commit := git(root, "rev-parse", "HEAD"):
        changed = git(root, "status", "--porcelain", "--", "dvc.yaml", "params.yaml", *(dep.path for dep in code))
        tags |= {"mlflow.source.git.commit": commit, "git_dirty": json.dumps(bool(changed))}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    if (root / paths.MANIFEST).is_file():
        tags["synthetic"] = json.dumps(read_json(root / paths.MANIFEST).get("synthetic"))
    params = {name: item for declared in stage.params.values() for name, item in flatten(declared).items()}
    return {name: item if isinstance(item, str) else json.dumps(item) for name, item in params.items()}, tags


def _merge(chain: Chain, stage: Stage) -> Stage:
    """Return a stage with the parameters, the code and the sources of its chain, and no outputs of other stages."""
    deps = {dep.path: dep for step in chain.steps for dep in step.stage.deps if dep.path not in step.made_by}
    params: dict[str, dict[str, object]] = {}
    for step in chain.steps:
        for file, values in step.stage.params.items():
            params.setdefault(file, {}).update(values)
    # An entry is declared by each of its stages in parts and by `evaluate` completely: the complete one comes last.
    return Stage(stage.name, stage.cmd, tuple(deps.values()), params, stage.outs)


def _datasets(chain: Chain, stage: Stage) -> list[Dataset]:
    """Return the splits in the chain of a stage as one dataset, and the tokens that it read."""
    context = "evaluation" if kind_of(stage.name) == PARENT else "training"
    splits = {out.path: out.md5 for step in chain.steps for out in step.stage.outs if is_inside(out.path, SPLITS)}
    found = []
    if splits:
        combined = folder_md5((path.removeprefix(f"{SPLITS}/"), md5) for path, md5 in splits.items())
        found.append(Dataset(SPLITS, splits.get(SPLITS, combined), context))
    return found + [Dataset(dep.path, dep.md5, context) for dep in stage.deps if is_inside(dep.path, TOKENS)]


def checkpoint_of(stage: Stage) -> Entry | None:
    """Return the model that a stage wrote, None if it wrote none."""
    return next((out for out in stage.outs if is_inside(out.path, MODELS)), None)


def digest_tags(chain: Chain) -> dict[str, str]:
    """Return a tag with the md5 of each file and folder of data that the stages of a chain read."""
    read = {dep.path: dep.md5 for step in chain.steps for dep in step.stage.deps if not is_code(dep.path)}
    made = {out.path: out.md5 for step in chain.steps[:-1] for out in step.products}
    return {digest_tag(path): md5 for path, md5 in (made | read).items()}


def _metrics(stage: Stage, root: Path) -> list[Metric]:
    kind, _, entry = stage.name.partition("@")
    if kind == "baseline":
        return fit_statistics(root / paths.TFIDF)
    if kind == "finetune":
        return curves(root / paths.HISTORIES / entry) + best_epoch(root / paths.MODELS / entry / "training.json")
    scores = read_json(root / paths.METRICS)
    return [metric for row, splits in scores.items() for metric in score_metrics(splits, f"{row}/")]


def _rows(chain: Chain, params: dict[str, str], lock: dict[str, Stage], root: Path) -> list[Projection]:
    """Return a run for each row of the scoreboard.

    Their metrics, and the parameters of all entries, have the same names, so that they share columns in MLflow's table.
    A row and the run of the training that made its model have the same tag `model_md5` and the same digests of data;
    the other rows have those of the whole scoreboard.
    """
    models = {made.path: made.md5 for step in chain.steps if (made := checkpoint_of(step.stage))}
    splits = [out for step in chain.steps for out in step.stage.outs if is_inside(out.path, SPLITS)]
    datasets = [Dataset(out.path, out.md5, "evaluation") for out in splits]
    rows = []
    for row, scores in read_json(root / paths.METRICS).items():
        model = model_of(row)
        if section := SECTIONS.get(model):
            own = {key.removeprefix(section): value for key, value in params.items() if key.startswith(section)}
        else:
            own = {inner: value for key, value in params.items() for entry, inner in [entry_of(key)] if entry == model}
        path = f"{MODELS}/{model}"
        behind = chain_of(lock, path) if path in models else chain
        tags = {"scoreboard_row": row} | digest_tags(behind)
        if path in models:
            tags[MODEL_MD5] = models[path]
        rows.append(Projection(f"{row} scores", own, tags, score_metrics(scores), datasets))
    return rows


def project(stage: Stage, lock: dict[str, Stage], root: Path) -> Projection:
    """Return the run of a finished stage.

    The run of `evaluate` stands for a state of the pipeline: its parameters and its code are those of its chain.

    Args:
        stage: The stage with its dependencies and outputs.
        lock: The stages of dvc.lock; those before this one must be up to date.
        root: The folder of dvc.yaml.

    Raises:
        UserError: if an output cannot be read.
    """
    kind, _, entry = stage.name.partition("@")
    chain = chain_of(lock | {stage.name: stage}, stage.outs[0].path)
    params, tags = describe(_merge(chain, stage) if kind == PARENT else stage, root)
    tags |= {"fingerprint": stage_inputs_hash(stage), "outs_md5": outs_md5(stage)} | digest_tags(chain)
    if model := checkpoint_of(stage):
        tags[MODEL_MD5] = model.md5
    patterns = [pattern.as_posix().format(name=entry) for pattern in RUN_FILES[kind]]
    files = [file for pattern in patterns for file in sorted(root.glob(pattern))]
    return Projection(
        name=stage.name,
        params=params,
        tags=tags,
        metrics=_metrics(stage, root),
        datasets=_datasets(chain, stage),
        artifacts=[(file, file.parent.relative_to(root).as_posix()) for file in files],
        rows=_rows(chain, params, lock, root) if kind == PARENT else [],
    )
