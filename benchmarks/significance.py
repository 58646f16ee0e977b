"""Intervals and tests of differences on test sets with a known truth: how often each is right.

    python benchmarks/significance.py [--test-sets N] [--write]

Test sets with a long tail of classes and clusters of duplicates like those of the CFPB's complaints are drawn from a
population whose true scores are known (harness/known_truth.py), and each is treated as the one test set that a user
has. --write writes the tables to benchmarks/significance.md.
"""

import argparse
import math
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

from harness.known_truth import population
from harness.trials import Setting, Shares, measure_pairs, measure_recipes

from complaints.core.files import write_text

METRICS = ("accuracy", "weighted_f1", "macro_f1_10", "macro_f1", "balanced_accuracy")
SETTINGS = {
    "3,655 rows of 92 classes": Setting(population(92), 3_655),
    "3,655 rows of 92 classes, five times the clusters": Setting(population(92, more_clusters=5), 3_655),
    "3,655 rows of 113 classes, half of them below 10 rows": Setting(population(113, exponent=2.0), 3_655),
    "21,432 rows of 113 classes": Setting(population(113), 21_432),
}
LARGE = "21,432 rows of 113 classes"
GAIN = 0.05
"""Planted improvement of recall of the classes of ranks 20 to 59."""
SEEDS = 3
SPREADS = {"none": 0.0, "small": 0.03, "large": 0.12}
"""Deviation of seeds in log-odds of recall, with a name."""


RECIPES = next(iter(SETTINGS.values()))


def cell(name: str, value: float) -> str:
    """Return a share in per cent, or a score."""
    if math.isnan(value):
        return ""
    return f"{value:.4f}" if name in ("mde", "truth") else f"{100 * value:.1f} %"


def table(first: str, columns: Mapping[str, str], measured: Mapping[str, Shares]) -> str:
    """Return a Markdown table.

    Args:
        first: Title of the first column.
        columns: Title of each further column -> what it shows.
        measured: Content of the first column -> results.
    """
    lines = [" | ".join([f"| {first}", "metric", *columns]) + " |", "|---|---|" + "--:|" * len(columns)]
    for name, of_metrics in measured.items():
        for metric, values in of_metrics.items():
            lines.append(
                " | ".join([f"| {name}", metric, *(cell(key, values[key]) for key in columns.values())]) + " |"
            )
    return "\n".join(lines)


def page(count: int) -> str:
    """Return the tables of `count` test sets, of an eighth of them where they are large."""
    with ProcessPoolExecutor() as pool:
        pairs = {
            (name, gain): pool.submit(measure_pairs, setting, count // 8 if name == LARGE else count, gain, METRICS)
            for name, setting in reversed(SETTINGS.items())
            for gain in (0.0, GAIN)
        }
        recipes = {
            (name, gain): pool.submit(measure_recipes, RECIPES, count, gain, SEEDS, spread, METRICS)
            for name, spread in SPREADS.items()
            for gain in (0.0, GAIN)
        }
        null, planted = ({name: pairs[name, gain].result() for name in SETTINGS} for gain in (0.0, GAIN))
        null_recipes, planted_recipes = (
            {name: recipes[name, gain].result() for name in SPREADS} for gain in (0.0, GAIN)
        )
    of_pairs = {"true difference": "truth", "MDE": "mde", "found": "found", "found by rows": "found by rows"}
    of_pairs |= {"by McNemar": "found by McNemar", "interval is right": "covered"}
    of_intervals = {"interval": "interval", "percentiles": "percentiles", "resampled by rows": "interval by rows"}
    of_recipes = {
        "found": "found",
        "by drawing seeds": "found by drawing seeds",
        "by one seed": "found by one seed each",
    }
    parts = {
        "95 % intervals that contain the truth": table("test set", of_intervals, null),
        "Differences found where there is none (5 % is promised)": table("test set", of_pairs, null),
        "Differences found where one is planted": table("test set", of_pairs, planted),
        f"Recipes of {SEEDS} seeds: found where there is none": table("seeds differ", of_recipes, null_recipes),
        f"Recipes of {SEEDS} seeds: found where one is planted": table("seeds differ", of_recipes, planted_recipes),
    }
    return "".join(f"\n## {title}\n\n{text}\n" for title, text in parts.items())


def main() -> None:
    """Print the tables; with --write, also write them to benchmarks/significance.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test-sets", type=int, default=1000, help="test sets for each line (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/significance.md")
    arguments = parser.parse_args()
    count = arguments.test_sets
    command = f"`python benchmarks/significance.py --test-sets {count} --write`"
    text = f"# Intervals and tests on test sets with a known truth\n\n{command}; {count // 8} test sets of the largest "
    text += f"size. Two standard errors of a share of 5 % are {200 * math.sqrt(0.05 * 0.95 / count):.1f} points.\n"
    text += page(count)
    print(text)
    if arguments.write:
        write_text("benchmarks/significance.md", text)


if __name__ == "__main__":
    main()
