"""Manifest of a finished scoring, and its verification against the files."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from complaints.batch_scoring.plan import (
    MANIFEST_FILE,
    PLAN_FILE,
    REJECTS,
    SCORED,
    Plan,
    Shard,
    read_plan,
    read_record,
)
from complaints.batch_scoring.shard import DIGEST_KEY
from complaints.core.errors import UserError
from complaints.core.files import file_digest, write_json
from complaints.predicting.output import UNSURE

UNREADABLE = (OSError, ValueError, KeyError)
"""Errors of a damaged Parquet file, of another file, and of one without the column that is read."""
ANEW = "delete it and run the same `complaints score INPUT OUTPUT` again, which writes it anew"
"""Remedy for a damaged manifest."""


def missing(output: Path, shards: list[Shard]) -> list[Shard]:
    """Return the shards without an output."""
    there = {path.name for path in (output / SCORED).glob("part-*.parquet")}
    return [shard for shard in shards if shard.part not in there]


def _files(output: Path) -> list[Path]:
    """Return the parts and the rejects, by name."""
    return sorted(path for folder in (SCORED, REJECTS) for path in (output / folder).glob("*.parquet"))


def write_manifest(output: Path, plan: Plan) -> dict[str, Any]:
    """Write the manifest of an output folder with all parts, and return it.

    Raises:
        UserError: if a part is damaged, lacks rows, or is not the one of an earlier manifest, which stays.
    """
    outputs: list[dict[str, Any]] = []
    counts, reasons = Counter({"rows": sum(shard.rows for shard in plan.shards)}), Counter[str]()
    for path in _files(output):
        rows = _count(path, counts, reasons)
        outputs.append({"name": path.relative_to(output).as_posix(), "rows": rows, "sha256": file_digest(path)})
    _check_rows(output, plan, {entry["name"]: entry["rows"] for entry in outputs})
    _check_earlier(output, {entry["name"]: entry["sha256"] for entry in outputs})
    manifest = {key: value for key, value in plan.content.items() if key != "shards"}
    manifest |= {
        "plan_sha256": file_digest(output / PLAN_FILE),
        "counts": {"rejected": 0, **counts, "reasons": dict(reasons)},
        "outputs": outputs,
    }
    write_json(output / MANIFEST_FILE, manifest)
    return manifest


def _check_rows(output: Path, plan: Plan, rows: dict[str, int]) -> None:
    """Check that each shard has as many rows, scored or rejected, as the plan."""
    for shard in plan.shards:
        found = sum(rows.get(f"{folder}/{shard.part}", 0) for folder in (SCORED, REJECTS))
        if found != shard.rows:
            raise UserError(
                f"{output / SCORED / shard.part} and its rejects have {found} of {shard.rows} rows; delete it and run "
                "the same command again"
            )


def _check_earlier(output: Path, digests: dict[str, str]) -> None:
    """Check that the outputs are those of an earlier manifest; another kind of processor may write other bytes."""
    if not (output / MANIFEST_FILE).is_file():
        return
    for entry in read_record(output / MANIFEST_FILE, ("outputs",), ANEW)["outputs"]:
        name = Path(entry["name"])
        if digests.get(name.as_posix()) != entry["sha256"]:
            raise UserError(
                f"{output / name} has changed since it was scored; delete {output / SCORED / name.name} and "
                f"run the same command again, or delete {output / MANIFEST_FILE} if the change is wanted"
            )


def _count(path: Path, counts: Counter[str], reasons: Counter[str]) -> int:
    """Add the rows of a part or of rejects to the counts, and return their number."""
    try:
        rows = int(pq.read_metadata(path).num_rows)
        if path.parent.name == REJECTS:
            counts["rejected"] += rows
            reasons.update(pq.read_table(path, columns=["reason"])["reason"].to_pylist())
        else:
            counts["scored"] += rows
            if UNSURE in pq.read_schema(path).names:
                counts[UNSURE] += sum(pq.read_table(path, columns=[UNSURE])[UNSURE].to_pylist())
    except UNREADABLE as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run the same command again") from None
    return rows


def _row_problems(output: Path, shard: Shard, digest: str) -> list[str]:
    """Return the problems of a shard: each of its rows is to be scored or rejected, once."""
    rows = []
    for folder in (SCORED, REJECTS):
        path = output / folder / shard.part
        if folder == SCORED and not path.is_file():
            return [f"{path} is missing"]
        if path.is_file():
            try:
                table = pq.read_table(path, columns=["row"])
            except UNREADABLE as error:
                return [f"{path} cannot be read ({error})"]
            rows += table["row"].to_pylist()
            if folder == SCORED and (table.schema.metadata or {}).get(DIGEST_KEY.encode()) != digest.encode():
                return [f"{path} was made by another model"]
    if sorted(rows) != list(range(shard.start, shard.start + shard.rows)):
        return [f"{output / SCORED / shard.part} and its rejects do not have each row of their shard once"]
    return []


def problems(output: Path) -> list[str]:
    """Return what does not hold of a scored folder: its plan, inputs that are there, outputs and rows.

    Raises:
        UserError: if the folder has no manifest.
    """
    if not (output / MANIFEST_FILE).is_file():
        raise UserError(f"{output} has no {MANIFEST_FILE}; finish it with the same `complaints score INPUT OUTPUT`")
    keys = ("plan_sha256", "inputs", "input_folder", "outputs", "model")
    manifest = read_record(output / MANIFEST_FILE, keys, ANEW)
    found = []
    if not (output / PLAN_FILE).is_file() or file_digest(output / PLAN_FILE) != manifest["plan_sha256"]:
        return [f"{output / PLAN_FILE} is not the one of the manifest"]
    plan = read_plan(output)
    for key in plan.content.keys() - {"shards"}:
        if plan.content[key] != manifest.get(key):
            found.append(f"{output / MANIFEST_FILE} has another {key} than the plan")
    for source in manifest["inputs"]:
        path = output / manifest["input_folder"] / source["name"]
        if not path.is_file():
            found.append(f"{path}, an input, is missing")
        elif file_digest(path) != source["sha256"]:
            found.append(f"{path}, an input, has changed")
    recorded = {entry["name"]: entry["sha256"] for entry in manifest["outputs"]}
    there = {path.relative_to(output).as_posix(): path for path in _files(output)}
    found += [f"{output / name} is missing" for name in sorted(recorded.keys() - there.keys())]
    found += [f"{output / name} is not in the manifest" for name in sorted(there.keys() - recorded.keys())]
    for name in sorted(recorded.keys() & there.keys()):
        if file_digest(there[name]) != recorded[name]:
            found.append(f"{output / name} has changed")
    if not found:
        for shard in plan.shards:
            found += _row_problems(output, shard, manifest["model"]["sha256"])
    return found
