"""Intervals and tests of differences on test sets with a known truth: how often each is right.

    python benchmarks/significance.py [--test-sets N] [--write]

Test sets with a long tail of classes and clusters of duplicates like those of the CFPB's complaints are drawn from a
population whose true scores are known (harness/known_truth.py), and each is treated as the one test set that a user
has. --write writes the tables to benchmarks/significance.md.
"""

import argparse
from collections.abc import Iterator, Mapping

from harness.known_truth import population
from harness.trials import Setting, coverage, found_differences, found_recipes

from complaints.core.files import write_text

METRICS = ("accuracy", "weighted_f1", "macro_f1_10", "macro_f1", "balanced_accuracy")
SETTINGS = {
    "3,655 rows of 92 classes": Setting(population(92), 3_655),
    "3,655 rows of 92 classes, five times the clusters": Setting(population(92, more_clusters=5), 3_655),
    "21,432 rows of 113 classes": Setting(population(113), 21_432),
}
LARGE = "21,432 rows of 113 classes"
GAIN = 0.08
"""Planted improvement of recall of the classes of ranks 20 to 59."""
SEEDS = 3
SPREADS = {"none": 0.0, "small (0.005 accuracy)": 0.03, "large (0.02 accuracy)": 0.12}
"""Deviation of seeds in log-odds of recall, with a name."""


def share(value: float) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.1f} %"


def table(header: str, lines: Iterator[str]) -> list[str]:
    """Return a Markdown table, printed line by line; all columns but two are numbers."""
    columns = header.count("|") - 1
    result = [header, "|---|---|" + "--:|" * (columns - 2)]
    print("\n".join(result), flush=True)
    for line in lines:
        print(line, flush=True)
        result.append(line)
    return result


def count_of(name: str, count: int) -> int:
    """Return the number of test sets of a setting: fewer large ones."""
    return count // 4 if name == LARGE else count


def coverage_lines(count: int) -> Iterator[str]:
    """Yield the lines of the table of intervals."""
    for name, setting in SETTINGS.items():
        for metric, ways in coverage(setting, count_of(name, count), METRICS).items():
            yield f"| {name} | {metric} | " + " | ".join(share(value) for value in ways.values()) + " |"


def difference_lines(gain: float, count: int) -> Iterator[str]:
    """Yield the lines of a table of pairs of systems, of which one has a planted improvement."""
    for name, setting in SETTINGS.items():
        for metric, ways in found_differences(setting, count_of(name, count), gain, METRICS).items():
            yield f"| {name} | {metric} | " + _difference_cells(ways) + " |"


def _difference_cells(ways: Mapping[str, float]) -> str:
    shares = [share(ways[way]) for way in ("clusters", "rows")]
    exact = share(ways["mcnemar"]) if ways["mcnemar"] == ways["mcnemar"] else ""
    return " | ".join([f"{ways['truth']:.4f}", f"{ways['mde']:.4f}", *shares, exact, share(ways["covered"])])


def recipe_lines(gain: float, count: int) -> Iterator[str]:
    """Yield the lines of a table of pairs of recipes with SEEDS seeds each."""
    setting = next(iter(SETTINGS.values()))
    for name, spread in SPREADS.items():
        for metric, ways in found_recipes(setting, count, gain, SEEDS, spread, METRICS).items():
            cells = " | ".join(share(ways[way]) for way in ("ours", "multi-bootstrap", "one seed"))
            yield f"| {name} | {metric} | {cells} |"


def main() -> None:
    """Print the tables; with --write, also write them to benchmarks/significance.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test-sets", type=int, default=1000, help="test sets for each line (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/significance.md")
    arguments = parser.parse_args()
    count = arguments.test_sets
    pairs = "| test set | metric | true difference | MDE | found | found by rows | by McNemar | interval is right |"
    recipes = "| deviation of seeds | metric | found | by drawing seeds | by one seed each |"
    parts = {
        "95 % intervals that contain the truth": table(
            "| test set | metric | interval | percentiles | resampled by rows |", coverage_lines(count)
        ),
        "Differences found where there is none (5 % is promised)": table(pairs, difference_lines(0, count)),
        "Differences found where one is planted": table(pairs, difference_lines(GAIN, count)),
        f"Recipes of {SEEDS} seeds: differences found where there is none": table(recipes, recipe_lines(0, count)),
        f"Recipes of {SEEDS} seeds: differences found where one is planted": table(recipes, recipe_lines(GAIN, count)),
    }
    if arguments.write:
        text = "# Intervals and tests on test sets with a known truth\n\n"
        command = f"`python benchmarks/significance.py --test-sets {count} --write`"
        text += f"{command}; {count // 4} test sets of the largest size."
        text += "".join(f"\n\n## {title}\n\n" + "\n".join(lines) for title, lines in parts.items())
        write_text("benchmarks/significance.md", text + "\n")


if __name__ == "__main__":
    main()
