"""Rates of `complaints score` beside `complaints predict`, with one and two workers and a tenth of the rows.

    python benchmarks/score.py --model FOLDER [--narratives 20000]

The narratives are those of `benchmarks/generate_cfpb.py`. Each command is a process of its own on two cores; prints
seconds, processor time, rows a second and the peak memory of the largest process, then ratios. Other work on the
machine slows all of them, each at its own time: processor time changes less than seconds. Shards are small, so that
each worker has ten.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness.cfpb_files import Sizes, generate

PUBLISHED = 3_850_000
"""Narratives that the CFPB has published, about."""
COLUMN = "Consumer complaint narrative"


@dataclass(frozen=True)
class Run:
    """A command that ended well."""

    name: str
    rows: int
    seconds: float
    processor_seconds: float
    megabytes: float


def measured(name: str, rows: int, *arguments: object) -> Run:
    """Run a command of `complaints`, and return its measurements; those of its workers are among them."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    start = time.perf_counter()
    command = [sys.executable, "-m", "complaints", *map(str, arguments), "--text-column", COLUMN]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed")
    spent = usage.ru_utime + usage.ru_stime
    run = Run(name, rows, time.perf_counter() - start, spent, usage.ru_maxrss / 2**10)
    print(
        f"{name:<28} {rows:>9,} rows {run.seconds:8.1f} s {spent:8.1f} s of processor {rows / run.seconds:8.0f} rows/s "
        f"{run.megabytes:6.0f} MiB",
        flush=True,
    )
    return run


def main() -> None:
    """Generate the narratives, run the commands, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of the model, such as an int8 one")
    parser.add_argument("--narratives", type=int, default=20_000)
    given = parser.parse_args()
    model = ("--model", given.model.resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {}
        for rows in (given.narratives // 10, given.narratives):
            generate(folder / str(rows), Sizes(rows, 100, 1), 13)
            (files[rows],) = (folder / str(rows)).glob("CCDB_Export_*.zip")
        (few, small), (rows, large) = files.items()
        predict = measured("predict", rows, "predict", "--input", large, "--output", folder / "out.parquet", *model)
        with_shards = (*model, "--shard-rows", rows // 20)
        one = measured("score, 1 worker", rows, "score", large, folder / "one", "--workers", 1, *with_shards)
        two = measured("score, 2 workers", rows, "score", large, folder / "two", "--workers", 2, *with_shards)
        tenth = measured("score, 1 worker, a tenth", few, "score", small, folder / "few", "--workers", 1, *with_shards)
    print(f"2 workers / predict, rows a second:      {predict.seconds / two.seconds:.2f}")
    print(f"2 workers / 1 worker, rows a second:     {one.seconds / two.seconds:.2f}")
    print(f"10 x the rows / a tenth, seconds:        {one.seconds / tenth.seconds:.2f}")
    print(f"10 x the rows / a tenth, processor time: {one.processor_seconds / tenth.processor_seconds:.2f}")
    print(f"10 x the rows / a tenth, memory:         {one.megabytes / tenth.megabytes:.2f}")
    print(f"{PUBLISHED:,} rows at the rate of 2 workers: {PUBLISHED * two.seconds / rows / 3600:.1f} h")


if __name__ == "__main__":
    main()
