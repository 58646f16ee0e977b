"""Comparison of the TF-IDF baseline with the usual recipe, of its parts, and of what was tried for it, on one split.

    python benchmarks/baseline.py [FILE.parquet --text COLUMN --label COLUMN --data NAME] [--ours] [--write]

All recipes get the same rows: classes with at least five complaints, a stratified quarter of them held out. Labels
are not merged and duplicates are not kept in one split, so the scores are comparable with each other only. The default
FILE is the pipeline's data/raw/complaints.parquet. --ours leaves out the usual recipe, which takes minutes. --write
writes the table to benchmarks/baseline.md.
"""

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness.tfidf_variants import count_ratio_logits, tempered_logits
from harness.usual_recipe import usual_recipe
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from complaints import params
from complaints.baseline import tfidf
from complaints.baseline.params import BaselineParams
from complaints.core import config, paths
from complaints.core.errors import UserError
from complaints.core.files import write_text
from complaints.core.parquet import read_parquet
from complaints.scoring import metrics
from complaints.scoring.class_prior import log_prior
from complaints.scoring.logit_adjustment import adjust

REPORT = Path(__file__).with_suffix(".md")
MIN_COUNT = 5
TEST_FRACTION = 0.25
SEED = 13
TAU = 0.5


@dataclass(frozen=True)
class Examples:
    """Texts of one side of the split, with their labels."""

    texts: list[str]
    label_ids: np.ndarray
    """int64 [texts]."""


@dataclass(frozen=True)
class Result:
    """Scores on the held-out rows, and seconds."""

    accuracy: float
    macro_f1: float
    zero_f1: int
    adjusted_accuracy: float
    adjusted_macro_f1: float
    total: float
    """Wall-clock seconds of the complete recipe."""
    cpu: float
    """CPU seconds of the complete recipe, which other load on the machine affects less."""


Recipe = Callable[[Examples, list[str], int], np.ndarray]
"""Function of training examples, held-out texts and the number of classes: logits, float [texts, classes]."""


def read_rows(path: Path, text: str, label: str) -> tuple[Examples, Examples, int]:
    """Return training examples, held-out examples and the number of classes.

    Raises:
        UserError: if the file is missing or broken, or lacks the column `text` or `label`.
    """
    table = read_parquet(path)
    for column in (text, label):
        if column not in table.column_names:
            raise UserError(f"{path} has no column {column!r}; it has {', '.join(table.column_names)}")
    table = table.filter(table[label].is_valid())
    texts, labels = np.array(table[text].to_pylist(), dtype=object), np.array(table[label].to_pylist())
    _, label_ids, counts = np.unique(labels, return_inverse=True, return_counts=True)
    kept = counts[label_ids] >= MIN_COUNT
    label_ids = (np.cumsum(counts >= MIN_COUNT) - 1)[label_ids]
    train, test = train_test_split(
        np.flatnonzero(kept), test_size=TEST_FRACTION, random_state=SEED, stratify=label_ids[kept]
    )
    sides = [Examples(texts[side].tolist(), label_ids[side]) for side in (train, test)]
    return sides[0], sides[1], int(np.sum(counts >= MIN_COUNT))


def usual(train: Examples, texts: list[str], classes: int) -> np.ndarray:
    """Return the logits of the usual recipe. Every class must have training rows: then there is a column for each."""
    terms, model = usual_recipe()
    logits: np.ndarray = model.fit(terms.fit_transform(train.texts), train.label_ids).decision_function(
        terms.transform(texts)
    )
    return logits


def ours(settings: BaselineParams) -> Recipe:
    """Return the recipe of the stage `baseline` with these parameters."""

    def logits(train: Examples, texts: list[str], classes: int) -> np.ndarray:
        return tfidf.tfidf_logits(tfidf.fit_tfidf(train.texts, train.label_ids, classes, settings), texts)

    return logits


def recipes(settings: BaselineParams) -> dict[str, Recipe]:
    """Return all recipes by name, the usual one first."""
    words, characters = settings.words, settings.characters
    alone = {weight: config.changed(settings, {"character_weight": weight}) for weight in (0.0, 1.0)}
    return {
        "usual: 50k terms, 1-2 grams, lbfgs C=1": usual,
        f"words alone: 1-{words.ngram_max} grams, no stop words, sublinear tf, saga C={words.c:g} "
        f"tol={words.tolerance:g}, float32": ours(alone[0.0]),
        f"characters alone: {characters.ngram_min}-{characters.ngram_max} grams within words": ours(alone[1.0]),
        f"this project: both, weights {1 - settings.character_weight:g} and {settings.character_weight:g}": ours(
            settings
        ),
        "tried: a temperature for each, fitted out of fold": lambda train, texts, classes: tempered_logits(
            train.texts, train.label_ids, texts, classes, settings
        ),
        "tried: words by log-count ratios, one class against the rest": lambda train, texts, classes: (
            count_ratio_logits(train.texts, train.label_ids, texts, alone[0.0])
        ),
    }


def measure(recipe: Recipe, train: Examples, test: Examples, classes: int) -> Result:
    """Fit and score one recipe."""
    cpu, started = time.process_time(), time.perf_counter()
    logits = recipe(train, test.texts, classes)
    total, cpu = time.perf_counter() - started, time.process_time() - cpu
    predicted = logits.argmax(axis=1)
    adjusted = adjust(logits, log_prior(train.label_ids, classes), TAU).argmax(axis=1)
    scores = metrics.class_scores(test.label_ids, predicted, classes)
    return Result(
        accuracy=metrics.accuracy(test.label_ids, predicted),
        macro_f1=metrics.macro_f1(scores),
        zero_f1=metrics.zero_f1_classes(scores),
        adjusted_accuracy=metrics.accuracy(test.label_ids, adjusted),
        adjusted_macro_f1=metrics.macro_f1(metrics.class_scores(test.label_ids, adjusted, classes)),
        total=total,
        cpu=cpu,
    )


def machine() -> str:
    """Return processor, cores, threads, and the versions of Python and the libraries."""
    model = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        model = next((x.split(":")[1].strip() for x in cpuinfo.read_text().splitlines() if "model name" in x), model)
    names = ("scikit-learn", "scipy", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, OMP_NUM_THREADS {threads}; "
        f"Python {platform.python_version()}, {versions}."
    )


def render(results: dict[str, Result], train: Examples, test: Examples, classes: int, data: str) -> str:
    """Return the report as Markdown; speed-ups are relative to the first recipe."""
    reference = next(iter(results.values()))
    lines = [
        "# TF-IDF baseline: the usual recipe, this project's, its parts, and what was tried",
        "",
        f"{data}: {len(train.texts):,} for training, {len(test.texts):,} held out, {classes} unmerged classes.",
        f"Seconds of all recipes in one run; `adjusted` means logits - {TAU:g} x log prior.",
        "",
        "| recipe | accuracy | macro-F1 | classes with F1 = 0 | adjusted accuracy | adjusted macro-F1 "
        "| seconds | CPU seconds | speed-up by CPU seconds |",
        "|---|" + "--:|" * 8,
    ]
    for name, r in results.items():
        lines.append(
            f"| {name} | {r.accuracy:.3f} | {r.macro_f1:.3f} | {r.zero_f1} | {r.adjusted_accuracy:.3f} "
            f"| {r.adjusted_macro_f1:.3f} | {r.total:.1f} | {r.cpu:.1f} | {reference.cpu / r.cpu:.1f} |"
        )
    return "\n".join([*lines, "", machine(), ""])


def main() -> None:
    """Print the report; with --write, also write it to benchmarks/baseline.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=paths.COMPLAINTS)
    parser.add_argument("--text", default="text", help="column of the text (default: %(default)s)")
    parser.add_argument("--label", default="label", help="column of the label (default: %(default)s)")
    parser.add_argument("--data", default="Complaints", help="name of the data in the report (default: %(default)s)")
    parser.add_argument("--ours", action="store_true", help="leave out the usual recipe")
    parser.add_argument("--write", action="store_true", help=f"also write benchmarks/{REPORT.name}")
    arguments = parser.parse_args()
    train, test, classes = read_rows(arguments.file, arguments.text, arguments.label)
    chosen = recipes(params.load().baseline)
    if arguments.ours:
        del chosen[next(iter(chosen))]
    results = {
        name: measure(recipe, train, test, classes)
        for name, recipe in tqdm(chosen.items(), unit="recipe", disable=None)
    }
    report = render(results, train, test, classes, arguments.data)
    print(report)
    if arguments.write:
        write_text(REPORT, report)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
