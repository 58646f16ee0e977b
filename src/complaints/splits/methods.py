"""Methods of splitting complaints into train, validation and test; `grouped` keeps duplicates out of other splits."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.errors import UserError
from complaints.core.parquet import parquet_batches
from complaints.core.schema import SPLIT_SCHEMA, SPLITS
from complaints.dedup.clusters import Clusters, DuplicateFinder
from complaints.splits.params import SplitParams
from complaints.subsets.draws import draw

TRAIN, VALIDATION, TEST = range(3)
"""Indices into SPLITS; arrays of this module hold them as split codes."""

GROUPED_HINT = "set split.method to grouped to let this stage split the complaints"


@dataclass(frozen=True)
class LabeledRows:
    """Columns of LABELED_SCHEMA that a split depends on, in file order, with clusters of duplicates for the texts."""

    row_ids: pa.ChunkedArray
    label_ids: np.ndarray
    """int32 [rows]: class ids."""
    dates: pa.ChunkedArray
    source_splits: pa.ChunkedArray
    clusters: Clusters
    order: np.ndarray
    """int64 [rows]: row indices from oldest to newest, by date and then id; rows without a date come last."""


@dataclass(frozen=True)
class Assignment:
    """Split of each row, and the clusters (by representative row) in train that the seed assigned to another split."""

    codes: np.ndarray
    """int8 [rows]: indices into SPLITS."""
    kept: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    """int64: clusters kept in train because they hold the oldest complaint of a class."""
    merged: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    """int64: clusters moved to train because a newer complaint merged clusters of different splits."""


def read_rows(path: str | Path) -> LabeledRows:
    """Read complaints of LABELED_SCHEMA and cluster their duplicates, with one batch of texts in memory at a time.

    Raises:
        UserError: if the file is missing or broken.
    """
    finder = DuplicateFinder()
    batches = []
    for batch in parquet_batches(path):
        finder.add(batch["text"], batch["row_id"])
        batches.append(batch.select(["row_id", "label_id", "date", "source_split"]))
    table = pa.Table.from_batches(batches)
    order = oldest_first(table["date"], table["row_id"])
    return LabeledRows(
        row_ids=table["row_id"],
        label_ids=table["label_id"].to_numpy(),
        dates=table["date"],
        source_splits=table["source_split"],
        clusters=finder.clusters(order),
        order=order,
    )


def oldest_first(dates: pa.ChunkedArray, row_ids: pa.ChunkedArray) -> np.ndarray:
    """Return row indices from oldest to newest, int64 [rows]: by date, then id, shorter ids (smaller numbers) first."""
    keys = pa.table({"date": dates, "length": pc.binary_length(row_ids), "id": row_ids})
    sort_keys = [(name, "ascending") for name in keys.column_names]
    return pc.sort_indices(keys, sort_keys=sort_keys).to_numpy().astype(np.int64)


def group_names(clusters: Clusters, rows: np.ndarray) -> list[str]:
    """Return the name of each row's cluster: the key of its oldest text, as 16 hexadecimal digits."""
    return [f"{key:016x}" for key in clusters.keys[clusters.near[rows]].tolist()]


def grouped(rows: LabeledRows, p: SplitParams) -> Assignment:
    """Assign each cluster of near duplicates to one split, by its name and the seed.

    Two kinds of clusters go to train regardless, and are listed: clusters with the oldest complaint of a class, so that
    every class has training rows, and clusters of different splits that a newer complaint merged. Therefore newer
    complaints never move an older one out of train, and the clusters that they move into train are listed.
    """
    return _by_cluster(rows, np.arange(len(rows.label_ids)), p.test_fraction, p)


def _by_cluster(rows: LabeledRows, chosen: np.ndarray, test_fraction: float, p: SplitParams) -> Assignment:
    """Split the `chosen` rows (indices, ascending) as `grouped` does; all other rows get code TRAIN."""
    near = rows.clusters.near
    roots = np.unique(np.concatenate([near[chosen], np.array(rows.clusters.merges, np.int64).ravel()]))
    drawn = draw([f"{key:016x}" for key in rows.clusters.keys[roots].tolist()], str(p.seed))
    held_out = test_fraction + (1 - test_fraction) * p.validation_fraction
    code_of = np.full(len(near), TRAIN, np.int8)
    code_of[roots] = np.where(drawn < test_fraction, TEST, np.where(drawn < held_out, VALIDATION, TRAIN))

    codes_of_cluster: dict[int, set[int]] = defaultdict(set)
    for older, younger in rows.clusters.merges:
        codes_of_cluster[int(near[older])] |= {int(code_of[older]), int(code_of[younger])}
    merged = np.array(sorted(root for root, codes in codes_of_cluster.items() if len(codes) > 1), np.int64)
    by_age = rows.order[np.isin(rows.order, chosen)]
    _, first = np.unique(rows.label_ids[by_age], return_index=True)
    oldest = np.unique(near[by_age[first]])
    kept = oldest[code_of[oldest] != TRAIN]
    code_of[merged] = TRAIN
    code_of[kept] = TRAIN

    codes = np.full(len(near), TRAIN, np.int8)
    codes[chosen] = code_of[near[chosen]]
    return Assignment(codes, kept, merged)


def canonical(rows: LabeledRows, p: SplitParams) -> Assignment:
    """Keep the source's own split; if it has no validation rows, draw clusters of its train rows for validation.

    Raises:
        UserError: if a row has no split from the source.
    """
    missing = rows.source_splits.null_count
    if missing:
        problem = "no complaint has a split from the source"
        if missing < len(rows.source_splits):
            problem = f"{missing} of {len(rows.source_splits)} complaints have no split from the source"
        raise UserError(f"split.method is canonical, but {problem}; fill fetch.file.columns.split, or {GROUPED_HINT}")
    codes = pc.index_in(rows.source_splits, value_set=pa.array(SPLITS)).to_numpy().astype(np.int8)
    if np.any(codes == VALIDATION):
        return Assignment(codes)
    train = np.flatnonzero(codes == TRAIN)
    drawn = _by_cluster(rows, train, 0.0, p)
    codes[train] = drawn.codes[train]
    return Assignment(codes, drawn.kept, drawn.merged)


def stratified(rows: LabeledRows, p: SplitParams) -> Assignment:
    """Draw rows at random within each class, without regard to duplicates.

    Test gets its fraction of each class, rounded half up, then validation its fraction of the rest; every class keeps
    at least one row in train.
    """
    drawn = draw(rows.row_ids.to_pylist(), str(p.seed))
    by_class = np.lexsort((drawn, rows.label_ids))
    sizes = np.bincount(rows.label_ids)
    starts = np.cumsum(sizes) - sizes
    label_ids = rows.label_ids[by_class]
    position = np.arange(len(by_class)) - starts[label_ids]
    tests = np.minimum(np.floor(p.test_fraction * sizes + 0.5), np.maximum(sizes - 1, 0))
    validations = np.minimum(np.floor(p.validation_fraction * (sizes - tests) + 0.5), np.maximum(sizes - tests - 1, 0))
    held_out = (tests + validations)[label_ids]
    codes = np.empty(len(by_class), np.int8)
    codes[by_class] = np.where(position < tests[label_ids], TEST, np.where(position < held_out, VALIDATION, TRAIN))
    return Assignment(codes)


def temporal(rows: LabeledRows, p: SplitParams) -> Assignment:
    """Assign the last days to test, the days before them to validation, the rest to train; no day is divided.

    Raises:
        UserError: if a complaint has no date.
    """
    if rows.dates.null_count:
        raise UserError(
            f"split.method is temporal, but {rows.dates.null_count} of {len(rows.dates)} complaints have no date; "
            f"name the column under fetch.file.columns.date, or {GROUPED_HINT}"
        )
    days = rows.dates.cast(pa.int32()).to_numpy()
    codes = np.full(len(days), TRAIN, np.int8)
    codes[_last_days(days, p.test_fraction)] = TEST
    before = np.flatnonzero(codes == TRAIN)
    codes[before[_last_days(days[before], p.validation_fraction)]] = VALIDATION
    return Assignment(codes)


def _last_days(days: np.ndarray, fraction: float) -> np.ndarray:
    """Return the indices, int64, of the rows of the last days, which together come closest to `fraction` of all."""
    if not len(days):
        return np.empty(0, np.int64)
    distinct, counts = np.unique(days, return_counts=True)
    rows_since = counts[::-1].cumsum()[::-1]
    return np.flatnonzero(days >= distinct[np.argmin(np.abs(rows_since - fraction * len(days)))])


METHODS: dict[str, Callable[[LabeledRows, SplitParams], Assignment]] = {
    "grouped": grouped,
    "canonical": canonical,
    "stratified": stratified,
    "temporal": temporal,
}


def duplicated_in_train(representatives: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return whether each row is held out and has a duplicate in train, bool [rows].

    Args:
        representatives: `exact` or `near` of `Clusters`, int64 [rows].
        codes: Indices into SPLITS, int8 [rows].
    """
    is_trained = np.zeros(len(representatives), bool)
    is_trained[representatives[codes == TRAIN]] = True
    return is_trained[representatives] & (codes != TRAIN)


def split_batches(path: str | Path, rows: LabeledRows, codes: np.ndarray, code: int) -> Iterator[pa.RecordBatch]:
    """Yield the complaints of `path` in the split `code`, in SPLIT_SCHEMA and in file order."""
    in_train = duplicated_in_train(rows.clusters.near, codes)
    start = 0
    for batch in parquet_batches(path):
        here = np.flatnonzero(codes[start : start + batch.num_rows] == code)
        columns = {name: batch[name].take(pa.array(here)) for name in SPLIT_SCHEMA.names if name in batch.schema.names}
        columns["group"] = pa.array(group_names(rows.clusters, here + start), pa.string())
        columns["seen"] = pa.array(in_train[here + start])
        yield pa.RecordBatch.from_arrays([columns[name] for name in SPLIT_SCHEMA.names], schema=SPLIT_SCHEMA)
        start += batch.num_rows
