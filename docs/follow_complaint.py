"""The way of one complaint: its row in every file from fetch to prediction.

`python docs/follow_complaint.py [ROW_ID] [--model NAME]` reads the outputs of `dvc repro` in the working directory;
without a ROW_ID it follows the first complaint of the test split.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from complaints.core import paths
from complaints.core.files import read_json
from complaints.core.schema import SPLITS

WIDTH = 72
"""Longest value that is printed in full, in characters."""


def _row(path: Path, row_id: str) -> dict[str, Any] | None:
    """Return the row of a Parquet file with this id; None without the file or the row."""
    rows = pq.read_table(path, filters=[("row_id", "=", row_id)]).to_pylist() if path.is_file() else []
    return rows[0] if rows else None


def _short(value: Any) -> str:
    if isinstance(value, list):
        inner = ", ".join(f"{item:.2f}" if isinstance(item, float) else str(item) for item in value[:6])
        return f"[{inner}{', ...' if len(value) > 6 else ''}] ({len(value)})"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 4]} ..."


def way(row_id: str, model: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each file that holds the complaint, with its row there."""
    splits = [folder / f"{split}.parquet" for folder in (paths.SPLITS, paths.TOKENS / model) for split in SPLITS]
    for path in (paths.COMPLAINTS, paths.LABELED, *splits, paths.PREDICTIONS / f"{model}.parquet"):
        row = _row(path, row_id)
        if row is not None:
            yield path, row


def main(arguments: list[str]) -> None:
    """Print the way of one complaint."""
    parser = argparse.ArgumentParser(description="Print the row of one complaint in every file from fetch on.")
    parser.add_argument("row_id", nargs="?", help="id of the complaint (default: the first of the test split)")
    parser.add_argument("--model", default="minilm", help="entry of `models:` (default: %(default)s)")
    given = parser.parse_args(arguments)
    test = paths.SPLITS / "test.parquet"
    if not test.is_file():
        sys.exit(f"error: {test} is missing; run `dvc repro` to make it")
    row_id = given.row_id or pq.read_table(test, columns=["row_id"])["row_id"][0].as_py()
    last: dict[str, Any] = {}
    for path, row in way(row_id, given.model):
        print(path)
        for column, value in row.items():
            print(f"  {column:<13} {_short(value)}")
        last = row
    if not last:
        sys.exit(f"error: no file has a complaint with the id {row_id!r}; data/splits/ has the ids")
    if "logits" in last:
        print(f"predicted: {read_json(paths.LABELS)[int(np.argmax(last['logits']))]!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
