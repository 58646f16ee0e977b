"""Rows of the scoreboard against the usual recipe: differences on the test split, with intervals.

    python benchmarks/against_usual.py [--folder .] [--write FILE]

Run it in a project after `dvc repro`. Fits the usual recipe (TF-IDF and logistic regression as in tutorials) on the
training rows, and compares every row of the scoreboard with it on the same test rows: paired differences by a bootstrap
over clusters of near duplicates, p-values by Holm's procedure within a metric. The test split is looked at: choose
before.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness.usual_recipe import usual_recipe

from complaints.baseline.tfidf import ABSENT_LOG_PROBABILITY
from complaints.core import paths
from complaints.core.files import write_text
from complaints.core.parquet import read_parquet
from complaints.evaluation.scoreboard import answers_of, read_all_logits, read_rules
from complaints.evaluation.truth import Truth, read_truth
from complaints.scoring.rungs import rung_names
from complaints.uncertainty.paired import Difference, corrected, differences
from complaints.uncertainty.resampling import Distribution, System, bootstrap

USUAL = "usual recipe"
METRICS = ("accuracy", "macro_f1")


def fit_usual(classes: int) -> np.ndarray:
    """Return the usual recipe's log-probabilities of the test rows, float32 [rows, classes]."""
    train, test = (read_parquet(paths.SPLITS / f"{split}.parquet") for split in ("train", "test"))
    terms, model = usual_recipe()
    model.fit(terms.fit_transform(train["text"].to_pylist()), train["label_id"].to_numpy())
    logits = np.full((len(test), classes), ABSENT_LOG_PROBABILITY, np.float32)
    logits[:, model.classes_] = model.predict_log_proba(terms.transform(test["text"].to_pylist()))
    return logits


def scores_of(truth: Truth) -> dict[str, dict[str, Distribution]]:
    """Return row -> metric -> distribution on test: the usual recipe first, then the scoreboard's rows."""
    models = rung_names()
    logits = read_all_logits(paths.PREDICTIONS, models, truth)
    rules = read_rules(paths.RULES, models, paths.PREDICTIONS)
    systems = {USUAL: System(fit_usual(len(truth.labels)).argmax(axis=1))}
    systems |= {answers.name: System(answers.predicted["test"]) for answers in answers_of(logits, rules)}
    return bootstrap(truth.rows("test"), systems)


def _score(found: Distribution) -> str:
    low, high = found.interval()
    return f"{found.value:.3f} ({low:.3f}–{high:.3f})"


def _difference(found: Difference) -> str:
    p = "< 0.001" if found.p < 0.001 else f"{found.p:.3f}"
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}), p {p}: {found.better}"


def lines(truth: Truth) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    scores = scores_of(truth)
    others = [name for name in scores if name != USUAL]
    rows = len(truth.rows("test"))
    found = {name: differences(rows, [scores[USUAL]], [scores[name]]) for name in others}
    families = {metric: corrected({name: found[name][metric] for name in others}) for metric in METRICS}
    yield f"{rows:,} test rows, {len(truth.labels)} classes."
    yield ""
    yield f"| row | accuracy | macro-F1 | accuracy against the {USUAL} | macro-F1 against it | ratio |"
    yield "|---|--:|--:|---|---|--:|"
    for name, of_metrics in scores.items():
        cells = [_score(of_metrics[metric]) for metric in METRICS]
        if name == USUAL:
            cells += ["", "", ""]
        else:
            cells += [_difference(families[metric][name]) for metric in METRICS]
            cells.append(f"{of_metrics['macro_f1'].value / scores[USUAL]['macro_f1'].value:.1f}")
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table; with --write, also write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("."), help="root of a project after `dvc repro`")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the table to this Markdown file")
    arguments = parser.parse_args()
    target = arguments.write and arguments.write.resolve()
    os.chdir(arguments.folder)
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    text = "\n".join(lines(truth))
    print(text)
    if target:
        write_text(target, f"{text}\n")


if __name__ == "__main__":
    main()
