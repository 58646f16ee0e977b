"""Seconds of the stage evaluate by its parts, on made-up predictions of a given size.

    python benchmarks/evaluate.py [--test 21432] [--validation 6430] [--train 57846] [--classes 113] [--models 6]

The default size is that of the canonical split with six models, majority and TF-IDF among them. Class frequencies fall
like 1 / rank, 4 % of the rows have a near duplicate in their split and 2 % one in train, texts have about 60 words, and
each class has four of twelve products. Each model and the ensemble has a decision rule. Files are temporary.
Scores mean nothing. The part `analyses` is a part of `report`, timed once more.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints import params
from complaints.core import paths
from complaints.core.files import write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import HELD_OUT, SPLIT_SCHEMA, SPLITS
from complaints.deciding.row_names import ENSEMBLE, FLOOR, REFERENCE
from complaints.deciding.rule import DecisionRule
from complaints.evaluation.analyses import write_analyses
from complaints.evaluation.page import write_report
from complaints.evaluation.scoreboard import read_all_logits, score
from complaints.evaluation.tables import metrics_json
from complaints.evaluation.truth import read_truth
from complaints.labels.products import hierarchy
from complaints.scoring.predictions import write_predictions

TEXT = "I sent the bank a letter about $250.00 on XX/XX/2019 and they never answered me , which cost XXXX a fee"
PRODUCTS = [f"Product {number}" for number in range(12)]
SEED = 13


def write_split(split: str, rows: int, classes: int, generator: np.random.Generator) -> np.ndarray:
    """Write a split of made-up rows and return their class ids, int64 [rows]."""
    frequency = 1 / np.arange(1, classes + 1)
    label_ids = generator.choice(classes, rows, p=frequency / frequency.sum())
    words = TEXT.split()
    texts = [" ".join(generator.choice(words, length)) for length in generator.integers(10, 110, rows)]
    groups = np.where(generator.random(rows) < 0.04, np.arange(rows) - 1, np.arange(rows))
    steps = generator.integers(0, 4, rows)
    columns = {
        "row_id": [f"{split}-{row}" for row in range(rows)],
        "text": texts,
        "label_id": pa.array(label_ids, pa.int32()),
        "group": [f"{split}-{group}" for group in groups],
        "seen": generator.random(rows) < (0.02 if split in HELD_OUT else 0.0),
        "date": pa.nulls(rows),
        "product": [PRODUCTS[(label + step) % 12] for label, step in zip(label_ids, steps, strict=True)],
    }
    write_parquet(paths.SPLITS / f"{split}.parquet", SPLIT_SCHEMA, [pa.table(columns)])
    return label_ids


def write_inputs(sizes: dict[str, int], classes: int, models: list[str]) -> None:
    """Write the inputs of the stage into the working directory."""
    generator = np.random.default_rng(SEED)
    labels = [f"Issue {number}" for number in range(classes)]
    write_json(paths.LABELS, labels)
    write_json(paths.HIERARCHY, hierarchy(labels, [{PRODUCTS[label % 12]: 1} for label in range(classes)], {}))
    write_json(paths.MANIFEST, {"synthetic": True})
    true = {split: write_split(split, rows, classes, generator) for split, rows in sizes.items()}
    prior = np.log(np.bincount(true["train"], minlength=classes) + 1.0)
    row_ids = {split: [f"{split}-{row}" for row in range(sizes[split])] for split in HELD_OUT}
    for model in models:
        logits = {}
        for split in HELD_OUT:
            noise = generator.normal(size=(sizes[split], classes))
            logits[split] = (prior + noise + 3 * np.eye(classes)[true[split]]).astype(np.float32)
        write_predictions(paths.PREDICTIONS / f"{model}.parquet", row_ids, logits)


@contextmanager
def timed(part: str) -> Iterator[None]:
    """Print the wall-clock and processor seconds of a part."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    print(f"{part:<12}{time.perf_counter() - wall:>8.1f}{time.process_time() - processor:>8.1f}", flush=True)


def made_up_rules(models: Sequence[str], train_rows: np.ndarray) -> dict[str, DecisionRule]:
    """Return a decision rule for each model but the floor, and one for their ensemble."""
    weights = {model: {model: 1.0} for model in models if model != FLOOR}
    weights[ENSEMBLE] = {model: 1 / len(weights) for model in weights}
    counts = train_rows.tolist()
    return {name: DecisionRule(weights=w, temperature=1.2, tau=0.5, train_rows=counts) for name, w in weights.items()}


def main() -> None:
    """Print a line for each part of the stage, and their sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, size in (("train", 57_846), ("validation", 6_430), ("test", 21_432), ("classes", 113), ("models", 6)):
        parser.add_argument(f"--{name}", type=int, default=size)
    arguments = parser.parse_args()
    p = params.load().evaluate
    models = [FLOOR, REFERENCE, *(f"model{number}" for number in range(arguments.models - 2))]
    sizes = {split: getattr(arguments, split) for split in SPLITS}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_inputs(sizes, arguments.classes, models)
        print(f"{'part':<12}{'wall, s':>8}{'CPU, s':>8}")
        with timed("all"):
            with timed("read"):
                truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
                logits = read_all_logits(paths.PREDICTIONS, models[1:], truth)
            with timed("score"):
                rows = score(truth, logits, made_up_rules(models, truth.train_support), p.resamples)
            Path("out").mkdir()
            with timed("report"):
                write_report(Path("out"), truth, rows, {}, p)
            write_json("metrics.json", metrics_json(rows))
        with timed("analyses"):
            write_analyses(Path("out"), truth, rows, p.resamples)


if __name__ == "__main__":
    main()
