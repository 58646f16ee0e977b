"""Time of `complaints seen` and `complaints diff-data` over many versions of the data.

    python benchmarks/row_history.py --versions 20 --rows 60000

It makes a repository in a temporary folder, in which DVC has recorded many versions of generated complaints. Each
version replaces some of the complaints of the last one, relabels some and moves some to another split. The commands run
as processes of their own: first without the index, then with it.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.core.files import write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import LABELED_SCHEMA, RAW_SCHEMA, SPLIT_SCHEMA, SPLITS
from complaints.lineage.objects import ROW_INDEX

DVC_YAML = """\
stages:
  fetch:
    cmd: "true"
    outs: [data/raw/complaints.parquet]
  merge_labels:
    cmd: "true"
    deps: [data/raw/complaints.parquet]
    outs: [data/interim/labeled.parquet, data/interim/labels.json]
  split:
    cmd: "true"
    deps: [data/interim/labeled.parquet, data/interim/labels.json]
    outs: [data/splits/train.parquet, data/splits/validation.parquet, data/splits/test.parquet]
  baseline:
    cmd: "true"
    deps: [data/splits, data/interim/labels.json]
    outs: [models/tfidf]
"""
LABELS = [f"class {number}" for number in range(100)]
WORDS = 150
"""Words of a text, about the mean of the published complaints."""


class Complaints:
    """Complaints that change from version to version."""

    def __init__(self, rows: int) -> None:
        """Draw the first version."""
        self._generator = np.random.default_rng(1)
        self._vocabulary = np.array([f"w{number:x}" for number in range(20_000)])
        self._next_id = 0
        self.ids: list[str] = []
        self.texts: list[str] = []
        for _ in range(rows):
            self._append()
        self.labels = self._generator.integers(len(LABELS), size=rows)
        self.codes = self._generator.choice(3, size=rows, p=(0.7, 0.1, 0.2))

    def _append(self) -> None:
        self.ids.append(f"{self._next_id:08d}")
        self.texts.append(" ".join(self._vocabulary[self._generator.integers(len(self._vocabulary), size=WORDS)]))
        self._next_id += 1

    def change(self, share: float) -> None:
        """Replace a share of the complaints, relabel as many and move as many to another split."""
        rows, count = len(self.ids), int(share * len(self.ids))
        del self.ids[:count], self.texts[:count]
        for _ in range(count):
            self._append()
        self.labels, self.codes = np.roll(self.labels, -count), np.roll(self.codes, -count)
        for values, high in ((self.labels, len(LABELS)), (self.codes, 3)):
            values[self._generator.choice(rows, count, replace=False)] = self._generator.integers(high, size=count)

    def write(self, root: Path) -> None:
        """Write the data files of the stages."""
        rows = len(self.ids)
        empty = {name: [None] * rows for name in ("date", "product", "source_split")}
        labels = [LABELS[label] for label in self.labels]
        raw = pa.Table.from_pydict({"row_id": self.ids, "text": self.texts, "label": labels, **empty}, RAW_SCHEMA)
        write_parquet(root / "data/raw/complaints.parquet", RAW_SCHEMA, [raw])
        columns = {"row_id": self.ids, "text": self.texts, "label_id": self.labels, **empty}
        labeled = pa.Table.from_pydict(columns, LABELED_SCHEMA)
        write_parquet(root / "data/interim/labeled.parquet", LABELED_SCHEMA, [labeled])
        write_json(root / "data/interim/labels.json", LABELS)
        split = pa.Table.from_pydict({**columns, "group": self.ids, "seen": [False] * rows}, SPLIT_SCHEMA)
        for code, name in enumerate(SPLITS):
            part = split.take(pa.array(np.flatnonzero(self.codes == code)))
            write_parquet(root / f"data/splits/{name}.parquet", SPLIT_SCHEMA, [part])


def _git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def make(root: Path, versions: int, rows: int, share: float) -> None:
    """Make a repository with tagged versions, v0 to the last."""
    from dvc.repo import Repo

    _git(root, "init", "--quiet")
    Repo.init(str(root)).close()
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "params.yaml").write_text("models: {}\n")
    (root / ".gitignore").write_text("/data/\n/models/\n/scratch/\n")
    complaints = Complaints(rows)
    for version in range(versions):
        if version:
            complaints.change(share)
        complaints.write(root)
        write_json(root / "models/tfidf/model.json", version)
        with contextlib.chdir(root), Repo(str(root)) as repo:
            repo.commit(force=True)
        _git(root, "add", "-A")
        _git(root, "commit", "--quiet", "-m", f"v{version}")
        _git(root, "tag", f"v{version}")


def _seconds(root: Path, *arguments: str) -> tuple[float, float]:
    """Return the wall-clock time of a command and its time on processors."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "complaints", *arguments]
    subprocess.run(
        command, cwd=root, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "DVC_NO_ANALYTICS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used


def main() -> None:
    """Print the seconds of each command, on the clock and on processors: the first, and the fastest of three later."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=20)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--share", type=float, default=0.02, help="share of the rows that each version replaces")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, last = Path(folder), f"v{arguments.versions - 1}"
        make(root, arguments.versions, arguments.rows, arguments.share)
        ids = [f"{number:08d}" for number in range(0, arguments.rows, max(arguments.rows // 1000, 1))]
        (root / "ids.txt").write_text("\n".join(ids))
        text = " ".join(f"w{number:x}" for number in range(WORDS))
        commands = {
            "seen ID": ("seen", ids[-1]),
            "seen --text": ("seen", "--text", text),
            "seen --file, 1000 ids": ("seen", "--file", "ids.txt", "--json"),
            "seen, unknown id": ("seen", "none"),
            f"diff-data v0 {last}": ("diff-data", "v0", last, "--json"),
        }
        print(f"{arguments.versions} versions of {arguments.rows:,} rows")
        print(f"{'command':<24}{'first, s':>10}{'CPU, s':>10}{'later, s':>10}{'CPU, s':>10}")
        for name, command in commands.items():
            first = _seconds(root, *command)
            later = min(_seconds(root, *command) for _ in range(3))
            print(f"{name:<24}" + "".join(f"{seconds:>10.2f}" for seconds in (*first, *later)), flush=True)
        print(f"index: {(root / ROW_INDEX).stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
