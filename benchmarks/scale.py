"""Seconds and memory of the stages fetch, audit, merge_labels and split by number of complaints.

    python benchmarks/scale.py FOLDER [--narratives 100000 1000000 4000000] [--write]

Generates files in the CFPB's layout under FOLDER (about 2 GB at 4 million; reused by the next run), runs the four
stages of this checkout on them in a separate workspace, and prints wall-clock seconds and the largest resident set of
each. --write writes the table to benchmarks/scale.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from complaints.core.files import write_text

ROOT = Path(__file__).parents[1]
STAGES = ("fetch", "audit", "merge_labels", "split")


def generate(folder: Path, narratives: int) -> Path:
    """Return the description of a source of that size; generate its files if they do not exist."""
    description = folder / f"source-{narratives}" / "cfpb.yaml"
    if not description.exists():
        command = [
            sys.executable,
            "benchmarks/generate_cfpb.py",
            str(description.parent),
            "--narratives",
            str(narratives),
        ]
        subprocess.run(command, cwd=ROOT, check=True)
    return description


def workspace(folder: Path, description: Path) -> Path:
    """Return `folder` with this checkout's stages and its parameters, except for the source `description`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    for name in ("stages", "src"):
        (folder / name).symlink_to(ROOT / name)
    for file in (ROOT / "data").glob("*.yaml"):
        (folder / "data" / file.name).symlink_to(file)
    yaml = YAML()
    values = yaml.load(ROOT / "params.yaml")
    values["fetch"] |= {"source": "cfpb", "path": str(description)}
    yaml.dump(values, folder / "params.yaml")
    return folder


def run(stage: str, folder: Path) -> tuple[float, float]:
    """Run a stage; return its wall-clock seconds and its peak memory in GiB.

    Raises:
        SystemExit: if the stage fails.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, f"stages/{stage}.py"], cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{stage} failed with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def table(folder: Path, sizes: list[int]) -> Iterator[str]:
    """Yield the lines of the table as they are measured, one per size."""
    yield f"| narratives | {' | '.join(STAGES)} | all four | peak memory |\n|--:|" + "--:|" * (len(STAGES) + 2)
    previous: list[float] = []
    for size in sizes:
        project = workspace(folder / "workspace", generate(folder, size))
        measured = [run(stage, project) for stage in STAGES]
        seconds = [stage_seconds for stage_seconds, _ in measured]
        growth = (
            [f" (x {now / then:.1f})" for now, then in zip(seconds, previous, strict=True)] if previous else [""] * 4
        )
        cells = [f"{s:.0f} s{factor}, {memory:.2f} GiB" for (s, memory), factor in zip(measured, growth, strict=True)]
        peak = max(memory for _, memory in measured)
        yield f"| {size:,} | {' | '.join(cells)} | {sum(seconds):.0f} s | {peak:.2f} GiB |"
        previous = seconds
    shutil.rmtree(folder / "workspace")


def main() -> None:
    """Print the table; with --write, also write it to benchmarks/scale.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the generated files are written")
    parser.add_argument("--narratives", type=int, nargs="+", default=[100_000, 1_000_000, 4_000_000])
    parser.add_argument("--write", action="store_true", help="also write benchmarks/scale.md")
    arguments = parser.parse_args()
    lines = []
    for line in table(arguments.folder.resolve(), arguments.narratives):
        print(line, flush=True)
        lines.append(line)
    if arguments.write:
        cores = len(os.sched_getaffinity(0))
        title = "# Data stages by number of complaints\n\n"
        caption = (
            f"`python benchmarks/scale.py FOLDER --write` on {cores} cores: wall-clock seconds (in brackets: relative "
            "to\nthe line above) and the largest resident set.\n\n"
        )
        write_text("benchmarks/scale.md", title + caption + "\n".join(lines))


if __name__ == "__main__":
    main()
