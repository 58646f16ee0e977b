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
from complaints.lineage.training import RECORDS, read_record, record_of
from complaints.tracing.listings import Listings
from complaints.tracing.targets import Found

TRAININGS = ("baseline", "finetune", "pretrain")
"""Stages that train on rows."""


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


def _record(found: Found, chain: Chain) -> tuple[dict[str, Any], str]:
    """Return the record of the training, and the checkpoint whose record is out of reach; both are empty for others.

    Outputs of several stages have no record in common.
    """
    if len(chain.makers) > 1:
        return {}, ""
    snapshot, here = found.snapshot, Path(".")
    models = [out for out in chain.steps[-1].stage.outs if is_inside(out.path, paths.MODELS.as_posix())]
    for out in models:
        for name in RECORDS if out.md5.endswith(".dir") else ():
            with suppress(UserError):
                snapshot.bring(Path(out.path) / name)
    record = record_of(chain, snapshot.root)
    if record is not None or snapshot.commit is None:
        return record or {}, ""
    listings = Listings(here)
    for out in models:
        if not listings.get(out.md5, out.path):
            return {}, out.path
        if hash_path(here, out.path) == out.md5:  # the workspace has what the cache has lost
            record = record or read_record(here / out.path)
    return record or {}, ""


def read_facts(found: Found) -> Facts:
    """Return the facts about an output; records that are out of reach of this machine are left out."""
    chain = chain_of(found.lock, found.path)
    record, absent = _record(found, chain)
    trains = [maker.partition("@")[0] in TRAININGS for maker in chain.makers] == [True]
    rows = record.get("rows", {}).get("train") or (trained_on(chain, found.snapshot.root) if trains else None)
    return Facts(
        chain=chain,
        manifest=_json(found, chain, paths.MANIFEST),
        labels=_json(found, chain, paths.LABELS_REPORT),
        split=_json(found, chain, paths.SPLIT_REPORT),
        record=record,
        rows=rows or {},
        absent=absent,
    )
