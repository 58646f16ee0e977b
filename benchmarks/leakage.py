"""What a split that ignores copies does to the scores: TF-IDF on rows at random against whole clusters.

`python benchmarks/leakage.py [--seeds 13 14 15] [--write]` reads data/interim/labeled.parquet (`dvc repro split` makes
it) and params.yaml. For each way of splitting it says how many test rows have a copy in train, and what TF-IDF (the
`baseline` stage's own) scores on all test rows and on those without a copy. --write puts the table into
benchmarks/leakage.md.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from complaints import params
from complaints.baseline import tfidf
from complaints.core.files import read_json, read_parquet, write_text
from complaints.scoring import metrics
from complaints.splits import methods
from complaints.splits.params import SplitParams

LABELED = Path("data/interim/labeled.parquet")
HEADER = (
    "| split | test rows | exact copy in train | exact or near copy | accuracy | macro-F1 | accuracy, no copy | "
    "macro-F1, no copy |\n|---|--:|--:|--:|--:|--:|--:|--:|"
)


def random_rows(rows: methods.Rows, p: SplitParams) -> methods.Assignment:
    """Send each row to test or train by itself, whatever its class: the split that most data sets come with."""
    drawn = methods.draw(rows.row_ids.to_pylist(), p.seed)
    return methods.Assignment(np.where(drawn < p.test_fraction, methods.TEST, methods.TRAIN).astype(np.int8))


WAYS = {
    "rows at random": random_rows,
    "rows at random within each class (stratified)": methods.stratified,
    "whole clusters (grouped)": methods.grouped,
}


def measure(rows: methods.Rows, texts: np.ndarray, classes: int, codes: np.ndarray, seed: int) -> tuple[float, ...]:
    """Return the seven numbers of a row of the table; validation rows are left aside."""
    train, test = (np.flatnonzero(codes == code) for code in (methods.TRAIN, methods.TEST))
    settings = replace(params.load().baseline, seed=seed)
    model = tfidf.fit_tfidf(texts[train].tolist(), rows.label_ids[train], classes, settings)
    predicted = tfidf.tfidf_logits(model, texts[test].tolist()).argmax(axis=1)
    true = rows.label_ids[test]
    exact, near = (methods.seen_in_train(copy, codes)[test] for copy in (rows.clusters.exact, rows.clusters.near))
    scores = []
    for part in (np.ones(len(test), bool), ~near):
        scores.append(metrics.accuracy(true[part], predicted[part]))
        scores.append(metrics.macro_f1(metrics.class_scores(true[part], predicted[part], classes)))
    return len(test), float(exact.mean()), float(near.mean()), *scores


def table(seeds: list[int]) -> Iterator[str]:
    """Yield the lines of the table: the mean over seeds, and the standard deviation between them."""
    rows = methods.read_rows(LABELED)
    texts = np.array(read_parquet(LABELED, ["text"])["text"].to_pylist(), object)
    classes = len(read_json("data/interim/labels.json"))
    yield HEADER
    for name, way in WAYS.items():
        numbers = []
        for seed in seeds:
            codes = way(rows, replace(params.load().split, seed=seed)).codes
            numbers.append(measure(rows, texts, classes, codes, seed))
        mean, spread = np.mean(numbers, axis=0), np.std(numbers, axis=0, ddof=1 if len(seeds) > 1 else 0)
        cells = [f"{mean[0]:,.0f}", f"{mean[1]:.1%}", f"{mean[2]:.1%}"]
        cells += [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean[3:], spread[3:], strict=True)]
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--write", action="store_true", help="write benchmarks/leakage.md")
    arguments = parser.parse_args()
    lines = []
    for line in table(arguments.seeds):
        print(line, flush=True)
        lines.append(line)
    if arguments.write:
        rows = read_parquet(LABELED, ["row_id"]).num_rows
        title = "# What leakage is worth\n\n"
        note = f"{rows:,} complaints; seeds {', '.join(map(str, arguments.seeds))}: mean ± standard deviation. Made by"
        command = f"`python benchmarks/leakage.py --seeds {' '.join(map(str, arguments.seeds))} --write`."
        write_text("benchmarks/leakage.md", f"{title}{note} {command}\n\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
