"""Effect of leakage on scores: TF-IDF on random rows against complete clusters of near duplicates.

    python benchmarks/leakage.py [--seeds 13 14 15] [--write]

Reads data/interim/labeled.parquet (`dvc repro merge_labels` builds it) and params.yaml. For each method of splitting,
prints the share of test rows with a duplicate in train, and the scores of the stage `baseline`'s TF-IDF on all test
rows and on those without a duplicate in train. --write writes the table to benchmarks/leakage.md.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from complaints import params
from complaints.baseline import tfidf
from complaints.core import config, paths
from complaints.core.files import read_json, write_text
from complaints.core.parquet import read_parquet
from complaints.scoring import metrics
from complaints.splits import methods
from complaints.splits.params import SplitParams
from complaints.subsets.draws import draw

HEADER = (
    "| split | test rows | exact duplicate in train | exact or near duplicate | accuracy | macro-F1 "
    "| accuracy, no duplicate | macro-F1, no duplicate |\n|---|--:|--:|--:|--:|--:|--:|--:|"
)


def random_rows(rows: methods.LabeledRows, p: SplitParams) -> methods.Assignment:
    """Assign each row to test or train independently of all others, as most published splits do."""
    drawn = draw(rows.row_ids.to_pylist(), str(p.seed))
    return methods.Assignment(np.where(drawn < p.test_fraction, methods.TEST, methods.TRAIN).astype(np.int8))


SPLIT_METHODS = {
    "rows at random": random_rows,
    "rows at random within each class (stratified)": methods.stratified,
    "complete clusters (grouped)": methods.grouped,
}


def measure(
    rows: methods.LabeledRows, texts: np.ndarray, classes: int, codes: np.ndarray, seed: int
) -> tuple[float, ...]:
    """Return the seven numbers of a row of the table; validation rows are not used."""
    train, test = (np.flatnonzero(codes == code) for code in (methods.TRAIN, methods.TEST))
    settings = config.changed(params.load().baseline, {"seed": seed})
    model = tfidf.fit_tfidf(texts[train].tolist(), rows.label_ids[train], classes, settings)
    predicted = tfidf.tfidf_logits(model, texts[test].tolist()).argmax(axis=1)
    true = rows.label_ids[test]
    clusters = (rows.clusters.exact, rows.clusters.near)
    exact, near = (methods.duplicated_in_train(representatives, codes)[test] for representatives in clusters)
    scores = []
    for chosen in (np.ones(len(test), bool), ~near):
        scores.append(metrics.accuracy(true[chosen], predicted[chosen]))
        scores.append(metrics.macro_f1(metrics.class_scores(true[chosen], predicted[chosen], classes)))
    return len(test), float(exact.mean()), float(near.mean()), *scores


def table(seeds: list[int]) -> Iterator[str]:
    """Yield the lines of the table: means over seeds, and the standard deviations between them."""
    rows = methods.read_rows(paths.LABELED)
    texts = np.array(read_parquet(paths.LABELED, ["text"])["text"].to_pylist(), object)
    classes = len(read_json(paths.LABELS))
    yield HEADER
    for name, method in SPLIT_METHODS.items():
        numbers = []
        for seed in seeds:
            codes = method(rows, config.changed(params.load().split, {"seed": seed})).codes
            numbers.append(measure(rows, texts, classes, codes, seed))
        mean, spread = np.mean(numbers, axis=0), np.std(numbers, axis=0, ddof=1 if len(seeds) > 1 else 0)
        cells = [f"{mean[0]:,.0f}", f"{mean[1]:.1%}", f"{mean[2]:.1%}"]
        cells += [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean[3:], spread[3:], strict=True)]
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table; with --write, also write it to benchmarks/leakage.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--write", action="store_true", help="also write benchmarks/leakage.md")
    arguments = parser.parse_args()
    lines = []
    for line in table(arguments.seeds):
        print(line, flush=True)
        lines.append(line)
    if arguments.write:
        rows = read_parquet(paths.LABELED, ["row_id"]).num_rows
        title = "# Effect of leakage on scores\n\n"
        command = f"`python benchmarks/leakage.py --seeds {' '.join(map(str, arguments.seeds))} --write`"
        caption = f"{command} on {rows:,} complaints: mean ± standard deviation over seeds.\n\n"
        write_text("benchmarks/leakage.md", title + caption + "\n".join(lines))


if __name__ == "__main__":
    main()
