"""Recipes: what they change in an entry of `models:`, and their trainings, each in a folder of its own."""

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

from complaints import params
from complaints.backbones.resolve import folder_digest, resolve
from complaints.backbones.tokenizer import encode, load_tokenizer
from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.errors import UserError
from complaints.core.files import (
    file_digest,
    read_json,
    read_parquet,
    replacing_folder,
    write_json,
    write_parquet,
    write_text,
)
from complaints.core.schema import SPLITS
from complaints.engine.checkpoints import code_digest, fingerprint
from complaints.finetuning.run import CODE

STAGES = ("tokenize_text", "pretrain", "embed", "finetune")
SHORT = 128
ROOT = Path.cwd()
PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Recipe:
    """One training: a name, its seed, and what it changes."""

    name: str
    seed: int
    changes: dict[str, Any]

    @property
    def entry(self) -> str:
        """A name that `models:` and folders take."""
        letters = "".join(letter if letter.isalnum() else "_" for letter in self.name)
        return f"recipe_{letters}-{self.seed}"


@dataclass(frozen=True)
class Bench:
    """What all recipes share."""

    place: Path
    splits: Path
    settings: dict[str, Any]
    """The project's params.yaml."""
    jobs: int

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of `models:` that recipes change."""
        entry: dict[str, Any] = next(iter(self.settings["models"].values()))
        return entry


def make_bench(short: bool, jobs: int) -> Bench:
    """Return a folder for results, named by all that they rest on but the recipes, and the splits to use."""
    settings = read_yaml(PARAMS_FILE)
    splits = ROOT / "data/splits"
    identity = {
        "data": [file_digest(splits / f"{split}.parquet") for split in SPLITS],
        "labels": file_digest(ROOT / "data/interim/labels.json"),
        "settings": [next(iter(settings["models"].values())), settings["baseline"]],
        "code": code_digest(CODE),
    }
    place = ROOT / "scratch/recipes" / f"{'short' if short else 'all'}-{fingerprint(identity)[:12]}"
    bench = Bench(place, place / "splits" if short else splits, settings, jobs)
    if short and not bench.splits.exists():
        keep_short(splits, bench)
    return bench


def keep_short(splits: Path, bench: Bench) -> None:
    """Write the rows of `splits` whose text fits into SHORT tokens to the bench's own."""
    tokenizer = load_tokenizer(resolve(bench.entry["backbone"]).folder)
    with replacing_folder(bench.splits) as target:
        for split in SPLITS:
            table = read_parquet(splits / f"{split}.parquet")
            ids = encode(tokenizer, table["text"].to_pylist(), SHORT + 1)["input_ids"]
            kept = table.filter(np.array([len(row) <= SHORT for row in ids]))
            write_parquet(target / f"{split}.parquet", kept.schema, [kept])


def random_backbone(spec: str, folder: Path, seed: int) -> str:
    """Return a backbone like `spec`, with random weights in place of the pretrained ones."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer, set_seed

    source = resolve(spec).folder
    set_seed(seed)
    AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return f"path:{folder}@{folder_digest(folder)}"


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return `old` with the values of `new` in place, mappings within mappings."""
    both = {key: merged(old[key], value) if isinstance(value, dict) else value for key, value in new.items()}
    return old | both


def is_done(bench: Bench, recipe: Recipe) -> bool:
    """Tell whether a recipe was trained, with the same changes, to its end."""
    record = bench.place / recipe.entry / "seconds.json"
    return record.exists() and read_json(record)["changes"] == recipe.changes


def prepare(bench: Bench, recipe: Recipe) -> None:
    """Make a recipe's folder: links to the data, and a params.yaml with its entry alone.

    Raises:
        UserError: if the recipe makes no valid entry.
    """
    folder = bench.place / recipe.entry
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "seconds.json").unlink(missing_ok=True)
    for name, target in (("splits", bench.splits), ("interim", ROOT / "data/interim")):
        if not (folder / "data" / name).is_symlink():
            (folder / "data" / name).symlink_to(target)
    changes = dict(recipe.changes)
    if changes.get("backbone") == "random":
        changes["backbone"] = random_backbone(bench.entry["backbone"], folder / "random", recipe.seed)
    entry = merged(bench.entry, changes) | {"seed": recipe.seed, "weights": f"models/pretrained/{recipe.entry}"}
    settings = bench.settings | {"models": {recipe.entry: entry}}
    settings["tracking"] = settings["tracking"] | {"enabled": False}
    params.parse(settings)
    stream = io.StringIO()
    YAML().dump(settings, stream)
    write_text(folder / PARAMS_FILE, stream.getvalue())


def train(bench: Bench, recipe: Recipe) -> None:
    """Run the stages of a recipe whose folder is prepared.

    Raises:
        UserError: if a stage fails.
    """
    folder = bench.place / recipe.entry
    threads = max(1, (os.cpu_count() or 1) // bench.jobs)
    seconds = {}
    for stage in STAGES:
        start = time.perf_counter()
        with open(folder / f"{stage}.log", "w", encoding="utf-8") as log:
            command = [sys.executable, str(PROJECT / "stages" / f"{stage}.py"), recipe.entry]
            environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
            if subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode:
                raise UserError(f"{recipe.name}: {stage} failed; see {log.name}")
        seconds[stage] = time.perf_counter() - start
    write_json(folder / "seconds.json", {"changes": recipe.changes, **seconds})


def read_recipes(path: Path, name: str, seeds: list[int]) -> dict[str, list[Recipe]]:
    """Return a set's recipes by name, one for each seed.

    Raises:
        UserError: if there is no such set.
    """
    sets = read_yaml(path)
    if name not in sets:
        raise UserError(f"{path} has no set {name!r}; there are {', '.join(sets)}")
    return {each: [Recipe(each, seed, changes or {}) for seed in seeds] for each, changes in sets[name].items()}
