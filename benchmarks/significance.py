"""Intervals and tests of differences on test sets with a known truth: how often each is right.

    python benchmarks/significance.py [--test-sets N] [--write]

Test sets with a long tail of classes and clusters of duplicates like those of the CFPB's complaints are drawn from a
population whose true scores are known (harness/known_truth.py), and each is treated as the one test set that a user
has. --write writes the tables to benchmarks/significance.md.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from harness.known_truth import population
from harness.trials import Setting, coverage, found_differences, found_recipes

from complaints.core.files import write_text

METRICS = ("accuracy", "weighted_f1", "macro_f1_10", "macro_f1", "balanced_accuracy")
SETTINGS = {
    "3,655 rows of 92 classes": Setting(population(92), 3_655),
    "3,655 rows of 92 classes, five times the clusters": Setting(population(92, more_clusters=5), 3_655),
    "3,655 rows of 113 classes, half of them below 10 rows": Setting(population(113, exponent=2.0), 3_655),
    "21,432 rows of 113 classes": Setting(population(113), 21_432),
}
LARGE = "21,432 rows of 113 classes"
GAIN = 0.08
"""Planted improvement of recall of the classes of ranks 20 to 59."""
SEEDS = 3
SPREADS = {"none": 0.0, "small": 0.03, "large": 0.12}
"""Deviation of seeds in log-odds of recall, with a name."""


def share(value: float) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.1f} %"


def table(header: str, lines: Iterable[str]) -> str:
    """Return a Markdown table; all columns but two are numbers."""
    columns = header.count("|") - 1
    return "\n".join([header, "|---|---|" + "--:|" * (columns - 2), *lines])


def count_of(name: str, count: int) -> int:
    """Return the number of test sets of a setting: fewer large ones."""
    return count // 4 if name == LARGE else count


def intervals(count: int) -> str:
    """Return the table of intervals of single systems."""
    return table(
        "| test set | metric | interval | percentiles | resampled by rows |",
        (
            f"| {name} | {metric} | " + " | ".join(share(value) for value in ways.values()) + " |"
            for name, setting in SETTINGS.items()
            for metric, ways in coverage(setting, count_of(name, count), METRICS).items()
        ),
    )


def pairs(gain: float, count: int) -> str:
    """Return the table of pairs of systems, of which one has a planted improvement."""
    return table(
        "| test set | metric | true difference | MDE | found | found by rows | by McNemar | interval is right |",
        (
            f"| {name} | {metric} | {_cells_of_pairs(ways)} |"
            for name, setting in SETTINGS.items()
            for metric, ways in found_differences(setting, count_of(name, count), gain, METRICS).items()
        ),
    )


def _cells_of_pairs(ways: Mapping[str, float]) -> str:
    exact = "" if math.isnan(ways["mcnemar"]) else share(ways["mcnemar"])
    shares = [share(ways["clusters"]), share(ways["rows"]), exact, share(ways["covered"])]
    return " | ".join([f"{ways['truth']:.4f}", f"{ways['mde']:.4f}", *shares])


def recipes(gain: float, count: int) -> str:
    """Return the table of pairs of recipes with SEEDS seeds each, of which one has a planted improvement."""
    setting = next(iter(SETTINGS.values()))
    return table(
        "| deviation of seeds | metric | found | by drawing seeds | by one seed each |",
        (
            f"| {name} | {metric} | " + " | ".join(share(value) for value in ways.values()) + " |"
            for name, spread in SPREADS.items()
            for metric, ways in found_recipes(setting, count, gain, SEEDS, spread, METRICS).items()
        ),
    )


TABLES: dict[str, Callable[[int], str]] = {
    "95 % intervals that contain the truth": intervals,
    "Differences found where there is none (5 % is promised)": partial(pairs, 0.0),
    "Differences found where one is planted": partial(pairs, GAIN),
    f"Recipes of {SEEDS} seeds: differences found where there is none": partial(recipes, 0.0),
    f"Recipes of {SEEDS} seeds: differences found where one is planted": partial(recipes, GAIN),
}


def main() -> None:
    """Print the tables; with --write, also write them to benchmarks/significance.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test-sets", type=int, default=1000, help="test sets for each line (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/significance.md")
    arguments = parser.parse_args()
    count = arguments.test_sets
    command = f"`python benchmarks/significance.py --test-sets {count} --write`"
    text = "# Intervals and tests on test sets with a known truth\n\n"
    text += f"{command}; {count // 4} test sets of the largest size.\n"
    with ProcessPoolExecutor() as pool:
        results = [pool.submit(table, count) for table in TABLES.values()]
        for title, result in zip(TABLES, results, strict=True):
            text += f"\n## {title}\n\n{result.result()}\n"
    print(text)
    if arguments.write:
        write_text("benchmarks/significance.md", text)


if __name__ == "__main__":
    main()
