"""Facts about a traced output, read from the dvc.lock and the small JSON files of the version that has it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.dvc_lock import hash_path, is_inside
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.lineage.chain import Chain, chain_of, trained_on
from complaints.lineage.training import RECORDS, record_of
from complaints.tracing.listings import Listings
from complaints.tracing.targets import Found


@dataclass(frozen=True)
class Facts:
    """The chain of an output, and the records that its stages wrote; an empty mapping stands for an absent one."""

    chain: Chain
    manifest: Mapping[str, Any]
    """data/raw/source.json."""
    labels: Mapping[str, Any]
    """reports/labels.json."""
    split: Mapping[str, Any]
    """reports/split.json."""
    record: Mapping[str, Any]
    """The record of the training in the checkpoint of the last stage."""
    rows: Mapping[str, Any]
    """`rows` and `row_ids_sha256` of the rows that the last stage trained on."""
    absent: str
    """The checkpoint whose record is neither in DVC's cache nor on a remote, empty if there is none."""


def _json(found: Found, chain: Chain, file: Path) -> dict[str, Any]:
    """Return a JSON output of a chain, nothing if it is absent or is not the one in dvc.lock."""
    recorded = {out.path: out.md5 for step in chain.steps for out in step.stage.outs}
    name = file.as_posix()
    with suppress(UserError):
        if name in recorded:
            found.snapshot.bring(file)
            if hash_path(found.snapshot.root, name) == recorded[name]:
                content = read_json(found.snapshot.root / file)
                return content if isinstance(content, dict) else {}
    return {}


def read_facts(found: Found) -> Facts:
    """Return the facts about an output; records that are in no reach of this machine are left out."""
    snapshot = found.snapshot
    chain = chain_of(found.lock, found.path)
    for out in chain.steps[-1].stage.outs:
        if out.md5.endswith(".dir"):
            for name in RECORDS:
                with suppress(UserError):
                    snapshot.bring(Path(out.path) / name)
    record = record_of(chain, snapshot.root) or {}
    models = [out for out in chain.steps[-1].stage.outs if is_inside(out.path, paths.MODELS.as_posix())]
    listings = Listings(Path("."))
    absent = (
        ""
        if record or snapshot.commit is None
        else next((out.path for out in models if not listings.get(out.md5, out.path)), "")
    )
    rows = record.get("rows", {}).get("train") or (trained_on(chain, snapshot.root) if models else None)
    return Facts(
        chain=chain,
        manifest=_json(found, chain, paths.MANIFEST),
        labels=_json(found, chain, paths.LABELS_REPORT),
        split=_json(found, chain, paths.SPLIT_REPORT),
        record=record,
        rows=rows or {},
        absent=absent,
    )
