"""Checkpoint without a project around it: what its own record says of its data, parameters and computation."""

import json
from pathlib import Path
from typing import Any

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.lineage.training import read_record
from complaints.tracing.screen import DIGITS, computed_text, wrapped

HINT = "`--repo PATH` names a clone of the project that made it, and shows its whole chain"


def checkpoint_in(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the folder of a checkpoint and its record, for the folder or a file in it, None for anything else."""
    folder = path if path.is_dir() else path.parent
    record = read_record(folder) if path.exists() else None
    return (folder, record) if record is not None and "params" in record else None


def _digests(digests: dict[str, Any]) -> str:
    return ", ".join(f"{name} {str(digest)[:DIGITS]}" for name, digest in sorted(digests.items()))


def as_text(folder: Path, record: dict[str, Any]) -> str:
    """Return the record of a checkpoint as text."""
    rows = record.get("rows") or {}
    counts = ", ".join(f"{name} {rows[name]['rows']:,}" for name in ("train", "validation", "test") if name in rows)
    backbone = f"{record['backbone']}, sha256 {record['backbone_sha256'][:DIGITS]}" if "backbone" in record else ""
    lines = {
        "rows": counts,
        "trained on": f"rows with sha256 of their sorted ids {rows['train']['row_ids_sha256'][:DIGITS]}"
        if rows
        else "",
        "splits": f"sha256 {_digests(record['splits_sha256'])}" if "splits_sha256" in record else "",
        "data read": f"sha256 {_digests(record['data'])}" if "data" in record else "",
        "labels": ", sha256 ".join(str(record[key])[:DIGITS] for key in ("classes", "labels_sha256") if key in record),
        "backbone": backbone,
        "computed": computed_text(record) or "",
        "lineage": HINT,
    }
    said = [f"{folder}, by its own record"]
    return "\n".join(said + [line for label, text in lines.items() if text for line in wrapped(label, text)])


def as_json(folder: Path, record: dict[str, Any]) -> str:
    """Return the record and the sha256 of the checkpoint's files as JSON."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    digests = {file.relative_to(folder).as_posix(): file_digest(file) for file in files}
    return json.dumps({"record": record, "files_sha256": digests}, indent=2, sort_keys=True, ensure_ascii=False)


def say(path: Path, is_json: bool) -> None:
    """Print what a checkpoint says by itself.

    Raises:
        UserError: if there is none, or it has no record.
    """
    found = checkpoint_in(path)
    if found is None:
        raise UserError(
            f"{path} is in no project and is no checkpoint with a record of its training; name one, or --repo"
        )
    print((as_json if is_json else as_text)(*found))
