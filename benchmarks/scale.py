"""How the data stages grow with the data: seconds and memory of fetch, audit, merge_labels and split.

`python benchmarks/scale.py FOLDER [--narratives 100000 1000000 4000000] [--write]` makes files in the CFPB's layout
under FOLDER (about 2 GB at 4 million; kept for the next run), runs the four stages of this checkout on them in a
workspace of its own, and prints seconds (wall clock) and the largest resident set of each. --write puts the table
into benchmarks/scale.md.
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
    """Return the description of a source with so many narratives, making its files where they are not there."""
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
    """Return a folder with this checkout's stages and parameters, whose source is `description`."""
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
    """Run a stage and return its seconds and the most memory it held, in GiB.

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
    """Yield the lines of the table, one per size, as they are measured."""
    yield f"| narratives | {' | '.join(STAGES)} | all four | most memory |\n|--:|" + "--:|" * (len(STAGES) + 2)
    before: list[float] = []
    for size in sizes:
        place = workspace(folder / "workspace", generate(folder, size))
        measured = [run(stage, place) for stage in STAGES]
        seconds = [each for each, _ in measured]
        # How many times as long as the size before.
        factors = [f" (x {now / then:.1f})" for now, then in zip(seconds, before, strict=True)] if before else [""] * 4
        pairs = zip(measured, factors, strict=True)
        cells = [f"{each:.0f} s{factor}, {memory:.2f} GiB" for (each, memory), factor in pairs]
        yield f"| {size:,} | {' | '.join(cells)} | {sum(seconds):.0f} s | {max(each for _, each in measured):.2f} GiB |"
        before = seconds
    shutil.rmtree(folder / "workspace")


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the generated files go")
    parser.add_argument("--narratives", type=int, nargs="+", default=[100_000, 1_000_000, 4_000_000])
    parser.add_argument("--write", action="store_true", help="write benchmarks/scale.md")
    arguments = parser.parse_args()
    lines = []
    for line in table(arguments.folder.resolve(), arguments.narratives):
        print(line, flush=True)
        lines.append(line)
    if arguments.write:
        cores = len(os.sched_getaffinity(0))
        title = "# The data stages at scale\n\n"
        made = f"`python benchmarks/scale.py FOLDER --write` on {cores} cores: seconds of wall clock (in brackets:\n"
        note = "times as long as the line above) and the largest resident set.\n\n"
        write_text("benchmarks/scale.md", title + made + note + "\n".join(lines))


if __name__ == "__main__":
    main()
