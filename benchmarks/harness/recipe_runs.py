"""Recipes (changes to an entry of `models:`) and their training runs, each in its own folder."""

import copy
import io
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from complaints.backbones.model_files import folder_digest
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import encode, load_tokenizer
from complaints.core import config, paths
from complaints.core.config import PARAMS_FILE
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json, replacing_folder, write_json, write_text
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import SPLITS
from complaints.engine.checkpoints import code_digest, json_digest
from complaints.finetuning.fit import CODE
from complaints.params import Params

STAGE_SCRIPTS = ("tokenize_text", "pretrain", "embed", "finetune")
SHORT = 128
ROOT = Path.cwd()
PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Recipe:
    """One training run: the recipe's name, its seed, and its changes by dotted key."""

    name: str
    seed: int
    changes: dict[str, Any]

    @property
    def entry(self) -> str:
        """Return a name that is valid as a key of `models:` and as a folder."""
        letters = "".join(letter if letter.isalnum() else "_" for letter in self.name)
        return f"recipe_{letters}-{self.seed}"


@dataclass(frozen=True)
class Workspace:
    """Folder and settings that all recipes share."""

    folder: Path
    """One folder per training run, for stage outputs and logs."""
    splits: Path
    settings: dict[str, Any]
    """Content of the project's params.yaml."""
    jobs: int
    """Training runs at a time."""

    @property
    def entry(self) -> dict[str, Any]:
        """Return the entry of `models:` that recipes change."""
        entry: dict[str, Any] = next(iter(self.settings["models"].values()))
        return entry


def make_workspace(short: bool, jobs: int) -> Workspace:
    """Return the workspace; its folder is named by a hash of data, parameters and code, so old results are not reused.

    Args:
        short: Whether to keep only complaints of at most SHORT tokens.
        jobs: Training runs at a time.
    """
    settings = config.read_yaml(PARAMS_FILE)
    splits = ROOT / paths.SPLITS
    fixed = {
        "data": [file_digest(splits / f"{split}.parquet") for split in SPLITS],
        "labels": file_digest(ROOT / paths.LABELS),
        "settings": [next(iter(settings["models"].values())), settings["baseline"]],
        "code": code_digest(CODE),
    }
    folder = ROOT / paths.SCRATCH / "recipes" / f"{'short' if short else 'all'}-{json_digest(fixed)[:12]}"
    workspace = Workspace(folder, folder / "splits" if short else splits, settings, jobs)
    if short and not workspace.splits.exists():
        keep_short(splits, workspace)
    return workspace


def keep_short(splits: Path, workspace: Workspace) -> None:
    """Write the rows of `splits` with at most SHORT tokens to the splits of the workspace."""
    tokenizer = load_tokenizer(resolve(workspace.entry["backbone"]).folder)
    with replacing_folder(workspace.splits) as target:
        for split in SPLITS:
            table = read_parquet(splits / f"{split}.parquet")
            ids = encode(tokenizer, table["text"].to_pylist())
            kept = table.filter(np.array([len(row) <= SHORT for row in ids]))
            write_parquet(target / f"{split}.parquet", kept.schema, [kept])


def random_backbone(spec: str, folder: Path, seed: int) -> str:
    """Return the spec of a backbone with the architecture and tokenizer of `spec` and random weights."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer, set_seed

    source = resolve(spec).folder
    set_seed(seed)
    AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return f"path:{folder}@{folder_digest(folder)}"


def changed_entry(entry: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an entry with the values of dotted keys replaced; unknown keys are added, for a later check."""
    result = copy.deepcopy(entry)
    for key, value in changes.items():
        *sections, last = key.split(".")
        node = result
        for section in sections:
            node = node.setdefault(section, {})
        node[last] = value
    return result


def is_done(workspace: Workspace, recipe: Recipe) -> bool:
    """Return whether the training run is complete and had the same changes."""
    record = workspace.folder / recipe.entry / "seconds.json"
    return record.exists() and read_json(record)["changes"] == recipe.changes


def prepare(workspace: Workspace, recipe: Recipe) -> None:
    """Create the folder of a training run: links to the data, and a params.yaml whose only model is the recipe.

    Raises:
        UserError: if the changed entry is not valid.
    """
    folder = workspace.folder / recipe.entry
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "seconds.json").unlink(missing_ok=True)
    for name, target in ((paths.SPLITS, workspace.splits), (paths.LABELS.parent, ROOT / paths.LABELS.parent)):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    changes = dict(recipe.changes)
    if changes.get("backbone") == "random":
        changes["backbone"] = random_backbone(workspace.entry["backbone"], folder / "random", recipe.seed)
    own = {"seed": recipe.seed, "weights": str(paths.PRETRAINED / recipe.entry)}
    entry = changed_entry(workspace.entry, changes | own)
    settings = workspace.settings | {"models": {recipe.entry: entry}}
    settings["tracking"] = settings["tracking"] | {"enabled": False}
    settings["knn"] = settings["knn"] | {"features": None}
    stream = io.StringIO()
    YAML().dump(settings, stream)
    write_text(folder / PARAMS_FILE, stream.getvalue())
    config.check(Params, settings, folder / PARAMS_FILE)


def train(workspace: Workspace, recipe: Recipe) -> None:
    """Run the stages of a training run whose folder is prepared.

    Raises:
        UserError: if a stage fails.
    """
    folder = workspace.folder / recipe.entry
    threads = max(1, (os.cpu_count() or 1) // workspace.jobs)
    seconds = {}
    for stage in STAGE_SCRIPTS:
        start = time.perf_counter()
        with open(folder / f"{stage}.log", "w", encoding="utf-8") as log:
            command = [sys.executable, str(PROJECT / "stages" / f"{stage}.py"), recipe.entry]
            environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
            if subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode:
                raise UserError(f"{recipe.name}: {stage} failed; see {log.name}")
        seconds[stage] = time.perf_counter() - start
    write_json(folder / "seconds.json", {"changes": recipe.changes, **seconds})


def read_recipes(path: Path, name: str, seeds: list[int]) -> dict[str, list[Recipe]]:
    """Return the training runs of a set of recipes by recipe name, one per seed.

    Raises:
        UserError: if the file has no set `name`.
    """
    sets = config.read_yaml(path)
    if name not in sets:
        raise UserError(f"{path} has no set {name!r}; there are {', '.join(sets)}")
    return {recipe: [Recipe(recipe, seed, changes or {}) for seed in seeds] for recipe, changes in sets[name].items()}
