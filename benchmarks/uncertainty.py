"""Speed of the bootstrap over clusters: seconds by rows, classes and systems.

    python benchmarks/uncertainty.py [--write]

The test sets are drawn by harness/known_truth.py; every system has three metrics that are means over rows beside those
of counts. --write writes the table to benchmarks/uncertainty.md.
"""

import argparse
import resource
import time

import numpy as np
from harness.known_truth import answer, answer_table, draw_rows, long_tailed_recall, population

from complaints.core.files import write_text
from complaints.uncertainty.resampling import RESAMPLES, Rows, System, bootstrap

CASES = ((500, 19, 4), (3_655, 92, 6), (21_432, 113, 2), (21_432, 113, 6), (21_432, 113, 20))
"""Rows, classes and systems."""


def test_set(rows: int, classes: int, systems: int) -> tuple[Rows, dict[str, System]]:
    """Return a test set and the answers of systems on it."""
    generator = np.random.default_rng(0)
    source = population(classes)
    draw = draw_rows(source, rows, generator)
    table = answer_table(source.prior, long_tailed_recall(source.prior))
    answers = answer(draw, [table] * systems, 0.7, generator)
    return draw.rows, {
        str(number): System(
            one.predicted, {name: generator.random(len(draw.rows)) for name in ("top3", "nll", "brier")}
        )
        for number, one in enumerate(answers)
    }


def main() -> None:
    """Print the table; with --write, also write it to benchmarks/uncertainty.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="also write benchmarks/uncertainty.md")
    arguments = parser.parse_args()
    lines = ["| rows | classes | systems | metrics | seconds |", "|--:|--:|--:|--:|--:|"]
    bootstrap(*test_set(500, 19, 1), resamples=10)
    for rows, classes, systems in CASES:
        case = test_set(rows, classes, systems)
        start = time.perf_counter()
        scores = bootstrap(*case)
        seconds = time.perf_counter() - start
        metrics = sum(len(of_system) for of_system in scores.values())
        lines.append(f"| {len(case[0]):,} | {classes} | {systems} | {metrics} | {seconds:.1f} |")
        print(lines[-1], flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines.append(f"\nOne core computes, on a machine with others at work; {peak:.1f} GB of memory at most.")
    print("\n".join(lines))
    if arguments.write:
        title = "# The bootstrap over clusters: speed\n\n"
        command = f"`python benchmarks/uncertainty.py --write`, {RESAMPLES:,} resamples.\n\n"
        write_text("benchmarks/uncertainty.md", title + command + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
