"""Sizes of differences between committed and reproduced files: predictions by row, JSON by key, others by name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pyarrow.parquet as pq

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.lineage.cache import Cache
from complaints.lineage.lock import flatten
from complaints.lineage.snapshots import Snapshot
from complaints.reproducing.differences import Output
from complaints.reproducing.tensors import tensor_sizes

MOST_KEYS = 8
WEIGHTS = ".safetensors"


def sizes(output: Output, committed: Snapshot, root: Path, cache: Cache) -> list[str]:
    """Return how much an output differs, as lines; the committed bytes come from git, DVC's cache or its remote."""
    if output.now is None:
        return ["was not written"]
    try:
        files = list(_files(output, root, cache))
    except UserError as error:
        return [f"by how much is not known: {error}"]
    lines = []
    for file, kind in files:
        found = [kind] if kind else _file(Path(file), committed, root)
        if file == output.path:
            lines += found
        elif len(found) == 1:
            lines.append(f"{Path(file).relative_to(output.path)}: {found[0]}")
        else:
            lines += [f"{Path(file).relative_to(output.path)}:", *(f"  {line}" for line in found)]
    return lines


def _files(output: Output, root: Path, cache: Cache) -> Iterator[tuple[str, str]]:
    """Yield each file of an output that differs, and "" or how it differs if one side lacks it."""
    if not output.committed.endswith(".dir") or not str(output.now).endswith(".dir"):
        yield output.path, ""
        return
    if cache.bring([output.committed]):
        raise UserError(f"DVC's cache lacks the committed {output.path} (md5 {output.committed}), {cache.remote}")
    before = {entry["relpath"]: entry["md5"] for entry in json.loads(cache.path(output.committed).read_bytes())}
    folder = root / output.path
    after = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    for name in sorted(before.keys() | after):
        path = f"{output.path}/{name}"
        if name not in after:
            yield path, "was not written"
        elif name not in before:
            yield path, "is new"
        elif hash_path(root, path) != before[name]:
            yield path, ""


def _file(path: Path, committed: Snapshot, root: Path) -> list[str]:
    """Return how much a file that both sides have differs."""
    try:
        committed.bring(path)
        old, new = committed.root / path, root / path
        if path.suffix == WEIGHTS:
            return tensor_sizes(old, new)
        if path.suffix == ".parquet" and "logits" in pq.read_schema(old).names:
            return _predictions(old, new)
        if path.suffix == ".json":
            return _values(read_json(old), read_json(new))
        return [f"differs ({old.stat().st_size:,} bytes, now {new.stat().st_size:,})"]
    except UserError as error:
        return [f"by how much is not known: {error}"]


def _predictions(old: Path, new: Path) -> list[str]:
    """Return the largest difference of logits and the number of rows whose label flips."""
    sides = []
    for file in (old, new):
        table = read_parquet(file, ["row_id", "logits"])
        sides.append(dict(zip(table["row_id"].to_pylist(), table["logits"].to_pylist(), strict=True)))
    before, after = sides
    common = [row_id for row_id in before if row_id in after and len(before[row_id]) == len(after[row_id])]
    lines = []
    if len(common) < len(before) or len(common) < len(after):
        lines.append(f"{len(common):,} rows are common of {len(before):,}, now {len(after):,}")
    if not common:
        return lines
    a, b = (np.array([side[row_id] for row_id in common], dtype=np.float64) for side in sides)
    differing = int(np.sum((a != b).any(axis=1)))
    if not differing:
        return [*lines, f"all logits of {len(common):,} rows are equal; the file differs in its metadata"]
    flipped = int(np.sum(a.argmax(axis=1) != b.argmax(axis=1)))
    lines.append(
        f"logits of {differing:,} of {len(common):,} rows differ by at most {np.abs(a - b).max():.2g}; "
        f"{flipped:,} labels flip"
    )
    return lines


def _values(old: Any, new: Any) -> list[str]:
    """Return the keys of two JSON files that differ, with the differences of numbers, largest first."""
    before, after = flatten(old), flatten(new)
    changed: list[tuple[float, str]] = []
    for key in sorted(before.keys() | after.keys()):
        a, b = before.get(key), after.get(key)
        if _is_number(a) and _is_number(b) and a != b:
            changed.append((abs(b - a), f"{key} {a:.6g} -> {b:.6g} ({b - a:+.2g})"))
        elif a != b or (key in before) != (key in after):
            changed.append((0.0, f"{key} differs"))
    if not changed:
        return ["all values are equal; the file differs in its form"]
    changed.sort(key=lambda one: -one[0])
    more = len(changed) - MOST_KEYS
    lines = [f"values that differ: {len(changed)}", *(f"  {line}" for _, line in changed[:MOST_KEYS])]
    return [*lines, f"  and {more} more"] if more > 0 else lines


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
