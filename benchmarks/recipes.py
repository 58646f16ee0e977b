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
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from baseline import usual_recipe
from recipe_runs import ROOT, SHORT, Bench, is_done, make_bench, prepare, read_recipes, train

from complaints import params
from complaints.baseline import tfidf
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json, read_parquet, write_json, write_text
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.evaluation import scoreboard
from complaints.evaluation.scoreboard import REFERENCE, Truth
from complaints.scoring.predictions import write_predictions

METRICS = ("accuracy", "macro_f1")
RECIPES = Path(__file__).with_suffix(".yaml")
USUAL = "usual"


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
            logits[split] = np.full((len(texts[split]), classes), tfidf.ABSENT_LOG_PROBABILITY, np.float32)
            logits[split][:, model.classes_] = model.predict_log_proba(terms.transform(texts[split]))
    else:
        tuned = tfidf.fit_tfidf(texts["train"], labels, classes, params.load().baseline)
        logits = {split: tfidf.tfidf_logits(tuned, texts[split]) for split in HELD_OUT}
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
        logits = scoreboard.read_logits(folder / "predictions" / f"{entry}.parquet", truth)
        # The scoreboard counts the classes rescued against a reference, which no column of this table shows.
        raw, adjusted = scoreboard.score(truth, {REFERENCE: logits}, grid)
        cells = [(row, split, metric) for split in shown for row in (raw, adjusted) for metric in METRICS]
        numbers.append([row.values[split][metric] for row, split, metric in cells])
        errors.append([row.errors[split][metric] for row, split, metric in cells])
        took = read_json(folder / "seconds.json")
        rest.append([adjusted.tau, (took.get("pretrain", 0) + took["finetune"]) / 60])
    spread = np.std(numbers, axis=0, ddof=1) if len(entries) > 1 else np.array(errors[0])
    figures = [f"{value:.3f} ± {error:.3f}" for value, error in zip(np.mean(numbers, axis=0), spread, strict=True)]
    tau, minutes = np.mean(np.array(rest, dtype=float), axis=0)
    return f"| {name} | {' | '.join(figures)} | {tau:.2f} | {minutes:.1f} |"


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
    inputs = [ROOT / path for path in (paths.LABELS, paths.HIERARCHY, paths.MANIFEST)]
    truth = scoreboard.read_truth(bench.splits, *inputs)
    grid = params.load().evaluate.adjustment_grid
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
