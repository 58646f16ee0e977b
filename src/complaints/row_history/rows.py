"""The exact rows that a checkpoint was trained on, found by its hash in the versions of dvc.lock."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from complaints.core import paths
from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.lineage.history import History, Version
from complaints.lineage.objects import Objects
from complaints.lineage.training_sets import Checkpoint, Exposure, checkpoints
from complaints.row_history.facts import sha256_of
from complaints.subsets.fractions import nested_fraction

SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("split", pa.string(), nullable=False),
        pa.field("text_sha256", pa.string(), nullable=False),
    ]
)
"""One row per complaint and use. `split` is train, validation (they chose the epoch), `without labels` for texts with a
teacher's answers alone, or `pretraining` and `initial weights` for rows of the training of the weights that the
checkpoint began with."""

MD5 = re.compile(r"[0-9a-f]{8,32}(\.dir)?")
"""md5 of a folder, or its first digits."""


def md5_of(checkpoint: str, root: Path, version: Version, is_past: bool) -> str:
    """Return the md5 of a checkpoint, or the beginning of it.

    Args:
        checkpoint: A path relative to `root`, a folder anywhere, or an md5.
        root: The folder of dvc.yaml.
        version: The version of dvc.lock in which to look up a path without a folder.
        is_past: Look up the path in any case, instead of hashing the folder that is there.

    Raises:
        UserError: if there is no such checkpoint, or a folder cannot be hashed.
    """
    full = root / checkpoint
    path = Path(os.path.relpath(full, root)).as_posix()
    if not is_past and full.is_dir():
        md5 = hash_path(full, ".") if path.startswith("..") else hash_path(root, path)
        assert md5 is not None
        return md5
    outs = {out.path: out.md5 for stage in version.lock.values() for out in stage.outs}
    if path in outs:
        return outs[path]
    if not is_past and MD5.fullmatch(checkpoint):
        return checkpoint
    made = (
        ", ".join(sorted(out for out in outs if Path(out).parent == paths.MODELS and Path(out) != paths.RULES))
        or "none"
    )
    raise UserError(f"{path} is no folder, md5 or output in dvc.lock; name a checkpoint (dvc.lock has {made})")


def find(md5: str, history: History) -> list[tuple[Checkpoint, list[Version]]]:
    """Return the checkpoints of an md5, or of the beginning of one, and their versions, newest first.

    Raises:
        UserError: if no version has one, or several have it.
    """
    found = {c: v for c, v in checkpoints(history.versions).items() if c.md5.startswith(md5)}
    if len({checkpoint.md5 for checkpoint in found}) > 1:
        raise UserError(f"{len(found)} checkpoints begin with {md5}; give more digits")
    if not found:
        shallow = ", and this clone is shallow: `git fetch --unshallow` brings more" if history.shallow else ""
        raise UserError(
            f"no checkpoint with md5 {md5} in {len(history.versions)} versions of dvc.lock{shallow}; a checkpoint is "
            "recognised by its bytes: compare with a complete copy that has no other files"
        )
    return list(found.items())


def _table(exposure: Exposure, objects: Objects) -> Iterator[pa.Table]:
    """Yield the rows of a use of a dataset, in file order, a table for each split."""
    if exposure.dataset.without_labels:
        yield _used(read_parquet(objects.file(exposure.dataset.train), ["row_id", "text"]), exposure.role, None)
        return
    names = read_json(objects.file(exposure.dataset.labels)) if exposure.dataset.labels else None
    for split, md5 in exposure.dataset.files().items():
        if split == "test" or (split == "validation" and exposure.role != "training"):
            continue
        table = read_parquet(objects.file(md5), ["row_id", "text", "label_id", "group"])
        if split == "train" and exposure.fraction != 1:
            label_ids = table["label_id"].to_numpy()
            kept = nested_fraction(table["group"].to_pylist(), label_ids, exposure.fraction, exposure.seed)
            table = table.take(pa.array(kept, pa.int64()))
        labels = [names[label_id] if names else str(label_id) for label_id in table["label_id"].to_pylist()]
        yield _used(table, split if exposure.role == "training" else exposure.role, labels)


def _used(table: pa.Table, role: str, labels: list[str] | None) -> pa.Table:
    """Return rows in SCHEMA, all in one role; `labels` are the names of their classes, None without any.

    Args:
        table: Columns row_id and text, [rows].
        role: A value of the column `split`.
        labels: Class names, [rows].
    """
    return pa.Table.from_pydict(
        {
            "row_id": table["row_id"],
            "label": labels or pa.nulls(len(table), pa.string()),
            "split": pa.array(np.repeat(role, len(table)), pa.string()),
            "text_sha256": [digest.hex() for digest in sha256_of(table["text"].to_pylist())],
        },
        schema=SCHEMA,
    )


def rows_of(checkpoint: Checkpoint, objects: Objects) -> pa.Table:
    """Return the rows that a checkpoint was trained on, of SCHEMA: train, validation, then those of its weights.

    Raises:
        UserError: if a file is neither in DVC's cache nor on the remote, or data of the checkpoint is not known.
    """
    if checkpoint.unknown:
        entry = checkpoint.unknown[0]
        raise UserError(
            f"{checkpoint.path} was made from {entry.path} with md5 {entry.md5}, and no version of dvc.lock says where "
            "that is from; fetch the branch or experiment that made it"
        )
    tables = [table for exposure in checkpoint.exposures for table in _table(exposure, objects)]
    return pa.concat_tables([SCHEMA.empty_table(), *tables])


def summary(checkpoint: Checkpoint, table: pa.Table) -> dict[str, Any]:
    """Return the number and identity of the rows of each split, as `complaints trace` has them."""
    splits = table["split"].to_pylist()
    ids: dict[str, list[str]] = {split: [] for split in dict.fromkeys(splits)}
    for split, row_id in zip(splits, table["row_id"].to_pylist(), strict=True):
        ids[split].append(row_id)
    counted = {
        split: {
            "rows": len(some),
            "row_ids_sha256": hashlib.sha256("".join(f"{row_id}\n" for row_id in sorted(some)).encode()).hexdigest(),
        }
        for split, some in ids.items()
    }
    return {"path": checkpoint.path, "md5": checkpoint.md5, "rows": counted}
