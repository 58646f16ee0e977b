"""Rows to withdraw: complaints by their ids in the data that is here, and their near duplicates."""

import contextlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.parquet import parquet_batches, read_parquet
from complaints.dedup.clusters import DuplicateFinder
from complaints.splits.methods import oldest_first
from complaints.withdrawals.batches import WithdrawnFilter
from complaints.withdrawals.ledger import Withdrawals

COLUMNS = ("row_id", "text")
MAGIC = b"PAR1"


def texts_of(ids: Collection[str], files: Iterable[Path]) -> dict[str, set[str]]:
    """Return id -> texts of the complaints of these ids in tables with row ids and texts.

    A complaint may have several texts, since its publisher may have redacted it again between versions. Files of other
    kinds and damaged ones are passed over.
    """
    wanted = pa.array(sorted(ids), pa.string())
    found: dict[str, set[str]] = {}
    for path in files:
        try:
            with open(path, "rb") as file:
                if file.read(len(MAGIC)) != MAGIC or not set(COLUMNS) <= set(pq.read_schema(path).names):
                    continue
            for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(columns=list(COLUMNS)):
                rows = batch.filter(pc.is_in(batch["row_id"].cast(pa.string()), wanted)).to_pylist()
                for row in rows:
                    found.setdefault(str(row["row_id"]), set()).add(str(row["text"]))
        except (OSError, pa.ArrowException):
            continue
    return found


def remaining_texts(root: Path, withdrawals: Withdrawals, own_ids: bool) -> Iterator[str]:
    """Yield the texts of the workspace's complaints that are not withdrawn; none of a file that cannot be read.

    Args:
        root: The folder of dvc.yaml.
        withdrawals: The ledger.
        own_ids: Whether row ids are those of the source, not numbers of rows.
    """
    with contextlib.suppress(UserError):
        batches = parquet_batches(root / paths.COMPLAINTS, list(COLUMNS))
        for batch in WithdrawnFilter(withdrawals, own_ids).apply(batches):
            yield from batch["text"].to_pylist()


def near_duplicates(ids: Collection[str], root: Path) -> dict[str, str]:
    """Return id -> text of the other complaints in the clusters of near duplicates of these, as stage split makes them.

    Raises:
        UserError: if the workspace has no complaints.
    """
    table = read_parquet(root / paths.COMPLAINTS, [*COLUMNS, "date"])
    finder = DuplicateFinder()
    for batch in table.to_batches():
        finder.add(batch["text"], batch["row_id"])
    clusters = finder.clusters(oldest_first(table["date"], table["row_id"])).near
    of_ids = pc.is_in(table["row_id"], pa.array(sorted(ids), pa.string())).to_numpy().astype(bool)
    near = np.isin(clusters, clusters[of_ids]) & ~of_ids
    return {row["row_id"]: row["text"] for row in table.filter(pa.array(near)).to_pylist()}
