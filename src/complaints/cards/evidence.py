"""Evidence that the cards repeat: outputs of the other stages, with digests of the split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from complaints.core.files import file_digest, read_json
from complaints.core.parquet import read_parquet
from complaints.core.schema import SPLITS
from complaints.report.tables import Tables, read_tables
from complaints.withdrawals.ledger import Withdrawals, read_ledger

AUDIT_NUMBERS = "audit.json"
ID_COLUMNS = ["row_id", "group", "label_id"]


@dataclass(frozen=True)
class Sources:
    """The files and folders that the cards are made from."""

    manifest: Path
    withdrawn: Path
    """The list of complaints that were withdrawn."""
    labels: Path
    splits: Path
    tokens: Path
    features: Path
    """Named by the lineage, not read."""
    models: Path
    rules: Path
    audit: Path
    evaluation: Path
    labels_report: Path
    split_report: Path


@dataclass(frozen=True)
class SplitFile:
    """A file of the split."""

    path: Path
    sha256: str
    ids: pa.Table
    """ID_COLUMNS of its rows, in their order."""

    @property
    def row_ids(self) -> list[str]:
        """The ids of its rows."""
        found: list[str] = self.ids["row_id"].to_pylist()
        return found


@dataclass(frozen=True)
class Evidence:
    """The content of the sources."""

    sources: Sources
    manifest: Mapping[str, Any]
    """The manifest of the source of the complaints."""
    withdrawals: Withdrawals
    withdrawn_sha256: str
    labels: Sequence[str]
    labels_sha256: str
    splits: Mapping[str, SplitFile]
    audit: Mapping[str, Any]
    """The numbers of the audit."""
    labels_report: Mapping[str, Any]
    split_report: Mapping[str, Any]
    tables: Tables
    """The tables of the evaluation and the decision rules."""

    @property
    def synthetic(self) -> bool:
        """Whether a program wrote the complaints."""
        return bool(self.manifest["synthetic"])


def _split_file(path: Path) -> SplitFile:
    return SplitFile(path, file_digest(path), read_parquet(path, ID_COLUMNS))


def read_evidence(sources: Sources) -> Evidence:
    """Read the sources.

    Raises:
        UserError: if a file is missing or broken.
    """
    manifest = read_json(sources.manifest)
    labels = read_json(sources.labels)
    return Evidence(
        sources=sources,
        manifest=manifest,
        withdrawals=read_ledger(sources.withdrawn),
        withdrawn_sha256=file_digest(sources.withdrawn),
        labels=labels,
        labels_sha256=file_digest(sources.labels),
        splits={split: _split_file(sources.splits / f"{split}.parquet") for split in SPLITS},
        audit=read_json(sources.audit / AUDIT_NUMBERS),
        labels_report=read_json(sources.labels_report),
        split_report=read_json(sources.split_report),
        tables=read_tables(sources.evaluation, sources.rules, bool(manifest["synthetic"])),
    )
