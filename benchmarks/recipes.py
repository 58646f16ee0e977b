"""Comparison of training recipes on the project's own data.

    python benchmarks/recipes.py SET [--recipes FILE] [--short] [--test] [--seeds 13 14 15] [--jobs 2] [--write FILE]

Reads data/splits/ and data/interim/ (`dvc repro split` builds them), params.yaml, and a set of recipes from
benchmarks/recipes.yaml: names, and their changes to the first entry of `models:`. Each recipe runs through the stages
tokenize, pretrain, embed and finetune in its own folder under scratch/recipes/. Completed runs are reused as long as
data, parameters and code are unchanged. Prints validation scores of raw and adjusted logits (tau chosen on validation).
--test adds scores of the test split, for recipes that have been chosen. A score is followed by its 95 % interval as in
the scoreboard; with several --seeds, their mean is followed by ± the standard deviation between them. --short keeps
complaints of at most 128 tokens, for screening. The first two rows are TF-IDF: the usual recipe and that of the stage
`baseline`.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from harness.recipe_runs import ROOT, SHORT, Workspace, is_done, make_workspace, prepare, read_recipes, train
from harness.usual_recipe import usual_recipe

from complaints import params
from complaints.baseline import tfidf
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json, write_json, write_text
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.deciding.fit import fit_rule
from complaints.deciding.inputs import read_rows, sample_of
from complaints.deciding.params import DecideParams
from complaints.deciding.row_names import REFERENCE
from complaints.evaluation import scoreboard
from complaints.evaluation.truth import Truth, read_truth
from complaints.scoring.predictions import write_predictions

METRICS = ("accuracy", "macro_f1")
RECIPES = Path(__file__).with_suffix(".yaml")
USUAL = "usual"


def train_tfidf(folder: Path, splits: Path, classes: int) -> None:
    """Write predictions of TF-IDF by the usual recipe if the folder is USUAL, otherwise by that of stage `baseline`."""
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
    workspace: Workspace, truth: Truth, name: str, entries: list[str], shown: tuple[str, ...], settings: DecideParams
) -> str:
    """Return a row of the table, the means over training runs that differ in their seeds.

    Args:
        workspace: Workspace with the predictions and times.
        truth: True labels of the held-out splits.
        name: Name of the row.
        entries: Folders of the training runs in the workspace.
        shown: Splits to show.
        settings: Objective and candidates of the decision rules.
    """
    rows = read_rows(workspace.splits, len(truth.labels))
    numbers, intervals, rest = [], [], []
    for entry in entries:
        folder = workspace.folder / entry
        logits = scoreboard.read_logits(folder / "predictions" / f"{entry}.parquet", truth)
        # The scoreboard needs a reference for rescued classes, which this table does not show.
        sample = sample_of(rows, {REFERENCE: {"validation": logits["validation"]}})
        rule = fit_rule(sample, rows.train_rows, settings, {})
        raw, adjusted = scoreboard.score(truth, {REFERENCE: logits}, {REFERENCE: rule})
        cells = [(row, split, metric) for split in shown for row in (raw, adjusted) for metric in METRICS]
        numbers.append([row.values[split][metric] for row, split, metric in cells])
        intervals.append([row.intervals[split][metric] for row, split, metric in cells])
        took = read_json(folder / "seconds.json")
        rest.append([adjusted.tau, (took.get("pretrain", 0) + took["finetune"]) / 60])
    means = np.mean(numbers, axis=0)
    if len(entries) > 1:
        spread = [f"± {deviation:.3f}" for deviation in np.std(numbers, axis=0, ddof=1)]
    else:
        spread = [f"({low:.3f}–{high:.3f})" for low, high in intervals[0]]
    figures = [f"{value:.3f} {of_value}" for value, of_value in zip(means, spread, strict=True)]
    tau, minutes = np.mean(np.array(rest, dtype=float), axis=0)
    return f"| {name} | {' | '.join(figures)} | {tau:.2f} | {minutes:.1f} |"


def lines(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table; train the recipes that are not complete.

    Raises:
        UserError: if the set does not exist, a recipe is not valid, or a training run fails.
    """
    recipes = read_recipes(arguments.recipes, arguments.set, arguments.seeds)
    workspace = make_workspace(arguments.short, arguments.jobs)
    waiting = [recipe for group in recipes.values() for recipe in group if not is_done(workspace, recipe)]
    for recipe in waiting:
        prepare(workspace, recipe)
    inputs = [ROOT / path for path in (paths.LABELS, paths.HIERARCHY, paths.MANIFEST)]
    truth = read_truth(workspace.splits, *inputs)
    settings = params.load().decide
    shown = ("validation", "test") if arguments.test else ("validation",)
    columns = [
        f"{split} {kind}{name}" for split in shown for kind in ("", "adjusted ") for name in ("accuracy", "macro-F1")
    ]
    yield f"| recipe | {' | '.join(columns)} | tau | minutes |"
    yield f"|---|{'--:|' * (len(columns) + 2)}"
    for name, entry in (("TF-IDF, the usual recipe", USUAL), ("TF-IDF of the `baseline` stage", REFERENCE)):
        folder = workspace.folder / entry
        if not (folder / "seconds.json").exists():
            train_tfidf(folder, workspace.splits, len(truth.labels))
        yield line(workspace, truth, name, [entry], shown, settings)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {recipe.entry: pool.submit(train, workspace, recipe) for recipe in waiting}
        try:
            for name, group in recipes.items():
                for recipe in group:
                    if recipe.entry in runs:
                        runs[recipe.entry].result()
                yield line(workspace, truth, name, [recipe.entry for recipe in group], shown, settings)
        except UserError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def main() -> None:
    """Print the table; with --write, also write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", help="a set of recipes of benchmarks/recipes.yaml")
    parser.add_argument("--recipes", type=Path, default=RECIPES, help="another file than benchmarks/recipes.yaml")
    parser.add_argument("--short", action="store_true", help=f"only complaints of at most {SHORT} tokens")
    parser.add_argument("--test", action="store_true", help="show the test split too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[13])
    parser.add_argument("--jobs", type=int, default=1, help="training runs at a time, which share the cores")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the table to this Markdown file")
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
