"""What each choice of training is worth, on the data at hand: `python benchmarks/recipes.py SET [--short] [--test]`.

Reads data/splits/ and data/interim/ (`dvc repro split` makes them), params.yaml, and a set of recipes from
benchmarks/recipes.yaml: a name, and what it changes in the first entry of `models:`. Each recipe goes through the
stages tokenize, pretrain, embed and finetune in a folder of its own under scratch/recipes/. There, one that is done is
not trained again as long as data, parameters and code are the same. Prints validation scores, raw and with adjusted
logits (tau chosen on validation); --test adds those of the test split, for the recipes that were chosen. ± is one
standard error as in the scoreboard, or with several --seeds the standard deviation between them. --short keeps the
complaints that fit into 128 tokens, to screen with. Two rows of TF-IDF stand above: the usual recipe and the `baseline`
stage's.
"""

import argparse
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from baseline import usual_recipe
from ruamel.yaml import YAML

from complaints import backbones, baseline, evaluation, params, tokens
from complaints.checkpoints import code_digest, fingerprint
from complaints.errors import UserError
from complaints.evaluation import REFERENCE, Truth
from complaints.files import (
    file_digest,
    read_json,
    read_parquet,
    replacing_folder,
    write_json,
    write_parquet,
    write_text,
)
from complaints.predictions import write_predictions
from complaints.schema import HELD_OUT, SPLITS

STAGES = ("tokenize_text", "pretrain", "embed", "finetune")
METRICS = ("accuracy", "macro_f1")
SHORT = 128
ROOT = Path.cwd()
CODE = Path(__file__).parents[1]
RECIPES = Path(__file__).with_suffix(".yaml")
USUAL = "usual"


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
    settings = params.read_yaml(params.PARAMS_FILE)
    splits = ROOT / "data/splits"
    identity = {
        "data": [file_digest(splits / f"{split}.parquet") for split in SPLITS],
        "labels": file_digest(ROOT / "data/interim/labels.json"),
        "settings": [next(iter(settings["models"].values())), settings["baseline"]],
        "code": code_digest(),
    }
    place = ROOT / "scratch/recipes" / f"{'short' if short else 'all'}-{fingerprint(identity)[:12]}"
    bench = Bench(place, place / "splits" if short else splits, settings, jobs)
    if short and not bench.splits.exists():
        keep_short(splits, bench)
    return bench


def keep_short(splits: Path, bench: Bench) -> None:
    """Write the rows of `splits` whose text fits into SHORT tokens to the bench's own."""
    tokenizer = tokens.load_tokenizer(backbones.resolve(bench.entry["backbone"]).folder)
    with replacing_folder(bench.splits) as target:
        for split in SPLITS:
            table = read_parquet(splits / f"{split}.parquet")
            ids = tokens.encode(tokenizer, table["text"].to_pylist(), SHORT + 1)["input_ids"]
            kept = table.filter(np.array([len(row) <= SHORT for row in ids]))
            write_parquet(target / f"{split}.parquet", kept.schema, [kept])


def random_backbone(spec: str, folder: Path, seed: int) -> str:
    """Return a backbone like `spec`, with random weights in place of the pretrained ones."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer, set_seed

    source = backbones.resolve(spec).folder
    set_seed(seed)
    AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return f"path:{folder}@{backbones.folder_digest(folder)}"


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
    write_text(folder / params.PARAMS_FILE, stream.getvalue())


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
            command = [sys.executable, str(CODE / "stages" / f"{stage}.py"), recipe.entry]
            environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
            if subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode:
                raise UserError(f"{recipe.name}: {stage} failed; see {log.name}")
        seconds[stage] = time.perf_counter() - start
    write_json(folder / "seconds.json", {"changes": recipe.changes, **seconds})


def train_tfidf(folder: Path, splits: Path, classes: int) -> None:
    """Write the predictions of TF-IDF: the usual recipe in the folder USUAL, else that of the `baseline` stage."""
    tables = {split: read_parquet(splits / f"{split}.parquet") for split in SPLITS}
    texts = {split: table["text"].to_pylist() for split, table in tables.items()}
    labels = tables["train"]["label_id"].to_numpy()
    logits = {}
    start = time.perf_counter()
    if folder.name == USUAL:
        terms, model = usual_recipe()
        model.fit(terms.fit_transform(texts["train"]), labels)
        for split in HELD_OUT:
            logits[split] = np.full((len(texts[split]), classes), baseline.ABSENT_LOG_PROBABILITY, np.float32)
            logits[split][:, model.classes_] = model.predict_log_proba(terms.transform(texts[split]))
    else:
        tuned = baseline.fit_tfidf(texts["train"], labels, classes, params.load("baseline"))
        logits = {split: baseline.tfidf_logits(tuned, texts[split]) for split in HELD_OUT}
    seconds = time.perf_counter() - start
    row_ids = {split: tables[split]["row_id"].to_pylist() for split in HELD_OUT}
    write_predictions(folder / "predictions" / f"{folder.name}.parquet", row_ids, logits)
    write_json(folder / "seconds.json", {"finetune": seconds})


def line(
    bench: Bench, truth: Truth, name: str, entries: list[str], shown: tuple[str, ...], grid: tuple[float, ...]
) -> str:
    """Return a row of the table: the means over the entries, which differ in their seeds.

    Args:
        bench: Where the entries' predictions and times lie.
        truth: What they are held against.
        name: What the row is called.
        entries: Folders under `bench.place`.
        shown: The splits to show.
        grid: Strengths of adjustment to choose from.
    """
    numbers, errors, rest = [], [], []
    for entry in entries:
        folder = bench.place / entry
        logits = evaluation.read_logits(folder / "predictions" / f"{entry}.parquet", truth)
        # The scoreboard counts the classes rescued against a reference, which no column of this table shows.
        raw, adjusted = evaluation.score(truth, {REFERENCE: logits}, grid)
        cells = [(row, split, metric) for split in shown for row in (raw, adjusted) for metric in METRICS]
        numbers.append([row.values[split][metric] for row, split, metric in cells])
        errors.append([row.errors[split][metric] for row, split, metric in cells])
        took = read_json(folder / "seconds.json")
        rest.append([adjusted.tau, (took.get("pretrain", 0) + took["finetune"]) / 60])
    spread = np.std(numbers, axis=0, ddof=1) if len(entries) > 1 else np.array(errors[0])
    figures = [f"{value:.3f} ± {error:.3f}" for value, error in zip(np.mean(numbers, axis=0), spread, strict=True)]
    tau, minutes = np.mean(np.array(rest, dtype=float), axis=0)
    return f"| {name} | {' | '.join(figures)} | {tau:.2f} | {minutes:.1f} |"


def read_recipes(path: Path, name: str, seeds: list[int]) -> dict[str, list[Recipe]]:
    """Return a set's recipes by name, one for each seed.

    Raises:
        UserError: if there is no such set.
    """
    sets = params.read_yaml(path)
    if name not in sets:
        raise UserError(f"{path} has no set {name!r}; there are {', '.join(sets)}")
    return {each: [Recipe(each, seed, changes or {}) for seed in seeds] for each, changes in sets[name].items()}


def lines(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table, training what is not done yet.

    Raises:
        UserError: if there is no such set, a recipe is not valid, or a training fails.
    """
    recipes = read_recipes(arguments.recipes, arguments.set, arguments.seeds)
    bench = make_bench(arguments.short, arguments.jobs)
    waiting = [recipe for group in recipes.values() for recipe in group if not is_done(bench, recipe)]
    for recipe in waiting:
        prepare(bench, recipe)
    truth = evaluation.read_truth(bench.splits, ROOT / "data/interim", ROOT / "data/raw/source.json")
    grid = params.load("evaluate").adjustment_grid
    shown = ("validation", "test") if arguments.test else ("validation",)
    columns = [
        f"{split} {kind}{name}" for split in shown for kind in ("", "adjusted ") for name in ("accuracy", "macro-F1")
    ]
    yield f"| recipe | {' | '.join(columns)} | tau | minutes |"
    yield f"|---|{'--:|' * (len(columns) + 2)}"
    for name, entry in (("TF-IDF, the usual recipe", USUAL), ("TF-IDF of the `baseline` stage", REFERENCE)):
        folder = bench.place / entry
        if not (folder / "seconds.json").exists():
            train_tfidf(folder, bench.splits, len(truth.labels))
        yield line(bench, truth, name, [entry], shown, grid)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {recipe.entry: pool.submit(train, bench, recipe) for recipe in waiting}
        try:
            for name, group in recipes.items():
                for recipe in group:
                    if recipe.entry in runs:
                        runs[recipe.entry].result()
                yield line(bench, truth, name, [recipe.entry for recipe in group], shown, grid)
        except UserError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", help="a set of recipes of benchmarks/recipes.yaml")
    parser.add_argument("--recipes", type=Path, default=RECIPES, help="a file of yours in place of recipes.yaml")
    parser.add_argument("--short", action="store_true", help=f"only complaints of at most {SHORT} tokens")
    parser.add_argument("--test", action="store_true", help="show the test split too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[13])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, which share the processors")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    arguments = parser.parse_args()
    written = []
    for text in lines(arguments):
        print(text, flush=True)
        written.append(text)
    if arguments.write:
        write_text(arguments.write, "\n".join(written))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
