"""Complaints divided into train, validation and test, so that no text is tested on that was trained on."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.errors import UserError
from complaints.core.files import parquet_batches
from complaints.core.schema import SPLIT_SCHEMA, SPLITS
from complaints.dedup.clusters import Clusters, CopyFinder
from complaints.splits.params import SplitParams

TRAIN, VALIDATION, TEST = range(3)
"""Places in SPLITS, by which the arrays of this module name a split."""

COLUMN_HINT = "set split.method to grouped to let this stage divide the complaints"


@dataclass(frozen=True)
class Rows:
    """All that a division rests on, in the order of the file; texts count by what they are copies of."""

    row_ids: pa.ChunkedArray
    label_ids: np.ndarray
    """int32 [rows], places in the list of class names."""
    dates: pa.ChunkedArray
    source_splits: pa.ChunkedArray
    clusters: Clusters
    order: np.ndarray
    """int64 [rows], from the oldest to the newest, by date and then id; rows without a date come last."""


@dataclass(frozen=True)
class Assignment:
    """Where each row goes, and the clusters (by their representative row) that the seed would have sent elsewhere."""

    codes: np.ndarray
    """int8 [rows], places in SPLITS."""
    kept: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    """Clusters kept in train because they hold the oldest complaint of a class."""
    joined: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    """Clusters put into train because a newer complaint joined parts that belonged to different splits."""


def read_rows(path: str | Path) -> Rows:
    """Read complaints of LABELED_SCHEMA and find the copies among them, holding no more than a batch of texts.

    Raises:
        UserError: if the file is missing or broken.
    """
    finder = CopyFinder()
    batches = []
    for batch in parquet_batches(path):
        finder.add(batch["text"], batch["row_id"])
        batches.append(batch.select(["row_id", "label_id", "date", "source_split"]))
    table = pa.Table.from_batches(batches)
    order = oldest_first(table["date"], table["row_id"])
    return Rows(
        row_ids=table["row_id"],
        label_ids=table["label_id"].to_numpy(),
        dates=table["date"],
        source_splits=table["source_split"],
        clusters=finder.clusters(order),
        order=order,
    )


def oldest_first(dates: pa.ChunkedArray, row_ids: pa.ChunkedArray) -> np.ndarray:
    """Return the rows from oldest to newest, int64 [rows]: by date, then id, a shorter id (a smaller number) first."""
    keys = pa.table({"date": dates, "length": pc.binary_length(row_ids), "id": row_ids})
    sort_keys = [(name, "ascending") for name in keys.column_names]
    return pc.sort_indices(keys, sort_keys=sort_keys).to_numpy().astype(np.int64)


def draw(names: Sequence[str], seed: int) -> np.ndarray:
    """Return a number in [0, 1) for each name, float64 [names]; a function of name and seed alone."""
    key = str(seed).encode()
    digests = b"".join(hashlib.blake2b(name.encode(), key=key, digest_size=8).digest() for name in names)
    return np.frombuffer(digests, ">u8") / 2.0**64


def group_names(clusters: Clusters, rows: np.ndarray) -> list[str]:
    """Return the name of each row's cluster: the key of its oldest text, as 16 hexadecimal digits."""
    return [f"{key:016x}" for key in clusters.keys[clusters.near[rows]].tolist()]


def grouped(rows: Rows, p: SplitParams) -> Assignment:
    """Send each cluster of near-copies where its name and the seed say, so that none straddles.

    Two kinds of clusters go to train whatever their names say, and are listed: those with the oldest complaint of a
    class, so that no class is without training rows, and those whose parts belonged to different splits until a newer
    complaint joined them. So newer complaints never move an older one out of train, and move none that is not listed.
    """
    return _by_cluster(rows, np.arange(len(rows.label_ids)), p.test_fraction, p)


def _by_cluster(rows: Rows, chosen: np.ndarray, test_fraction: float, p: SplitParams) -> Assignment:
    """Divide the `chosen` rows (places, ascending) as `grouped` says; all others get code TRAIN."""
    near = rows.clusters.near
    parts = np.unique(np.concatenate([near[chosen], np.array(rows.clusters.joins, np.int64).ravel()]))
    drawn = draw([f"{key:016x}" for key in rows.clusters.keys[parts].tolist()], p.seed)
    held_out = test_fraction + (1 - test_fraction) * p.validation_fraction
    code_of = np.full(len(near), TRAIN, np.int8)
    code_of[parts] = np.where(drawn < test_fraction, TEST, np.where(drawn < held_out, VALIDATION, TRAIN))

    codes_of_cluster: dict[int, set[int]] = defaultdict(set)
    for older, younger in rows.clusters.joins:
        codes_of_cluster[int(near[older])] |= {int(code_of[older]), int(code_of[younger])}
    joined = np.array(sorted(root for root, codes in codes_of_cluster.items() if len(codes) > 1), np.int64)
    by_age = rows.order[np.isin(rows.order, chosen)]
    _, first = np.unique(rows.label_ids[by_age], return_index=True)
    oldest = np.unique(near[by_age[first]])
    kept = oldest[code_of[oldest] != TRAIN]
    code_of[joined] = TRAIN
    code_of[kept] = TRAIN

    codes = np.full(len(near), TRAIN, np.int8)
    codes[chosen] = code_of[near[chosen]]
    return Assignment(codes, kept, joined)


def canonical(rows: Rows, p: SplitParams) -> Assignment:
    """Keep the source's own split; where it brings no validation rows, clusters of its train rows are drawn for it.

    Raises:
        UserError: if the source has no split, or only some of its rows have one.
    """
    missing = rows.source_splits.null_count
    if missing:
        problem = "the complaints have no split of their source"
        if missing < len(rows.source_splits):
            problem = f"{missing} of {len(rows.source_splits)} complaints have no split of their source, the others do"
        raise UserError(f"split.method is canonical, but {problem}; fill fetch.file.columns.split, or {COLUMN_HINT}")
    codes = pc.index_in(rows.source_splits, value_set=pa.array(SPLITS)).to_numpy().astype(np.int8)
    if np.any(codes == VALIDATION):
        return Assignment(codes)
    train = np.flatnonzero(codes == TRAIN)
    drawn = _by_cluster(rows, train, 0.0, p)
    codes[train] = drawn.codes[train]
    return Assignment(codes, drawn.kept, drawn.joined)


def stratified(rows: Rows, p: SplitParams) -> Assignment:
    """Draw rows at random within each class, each split its share, whatever they are copies of.

    A class gives test its share rounded half up, then validation, but always keeps a row in train.
    """
    drawn = draw(rows.row_ids.to_pylist(), p.seed)
    by_class = np.lexsort((drawn, rows.label_ids))
    sizes = np.bincount(rows.label_ids)
    starts = np.cumsum(sizes) - sizes
    label_ids = rows.label_ids[by_class]
    place = np.arange(len(by_class)) - starts[label_ids]
    tests = np.minimum(np.floor(p.test_fraction * sizes + 0.5), np.maximum(sizes - 1, 0))
    validations = np.minimum(np.floor(p.validation_fraction * (sizes - tests) + 0.5), np.maximum(sizes - tests - 1, 0))
    held_out = (tests + validations)[label_ids]
    codes = np.empty(len(by_class), np.int8)
    codes[by_class] = np.where(place < tests[label_ids], TEST, np.where(place < held_out, VALIDATION, TRAIN))
    return Assignment(codes)


def temporal(rows: Rows, p: SplitParams) -> Assignment:
    """Train on the past: the last days are test, the days before them validation; no day is divided.

    Raises:
        UserError: if a complaint has no date.
    """
    if rows.dates.null_count:
        raise UserError(
            f"split.method is temporal, but {rows.dates.null_count} of {len(rows.dates)} complaints have no date; "
            f"name the column under fetch.file.columns.date, or {COLUMN_HINT}"
        )
    days = rows.dates.cast(pa.int32()).to_numpy()
    codes = np.full(len(days), TRAIN, np.int8)
    codes[_last_days(days, p.test_fraction)] = TEST
    before = np.flatnonzero(codes == TRAIN)
    codes[before[_last_days(days[before], p.validation_fraction)]] = VALIDATION
    return Assignment(codes)


def _last_days(days: np.ndarray, fraction: float) -> np.ndarray:
    """Return the places of the rows of the last days, as many whole days as come closest to `fraction` of the rows."""
    if not len(days):
        return np.empty(0, np.int64)
    distinct, counts = np.unique(days, return_counts=True)
    from_here = counts[::-1].cumsum()[::-1]
    return np.flatnonzero(days >= distinct[np.argmin(np.abs(from_here - fraction * len(days)))])


METHODS: dict[str, Callable[[Rows, SplitParams], Assignment]] = {
    "grouped": grouped,
    "canonical": canonical,
    "stratified": stratified,
    "temporal": temporal,
}


def seen_in_train(copy_of: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Tell which held-out rows have a copy in train: bool [rows], given each row's representative and its split."""
    trained = np.zeros(len(copy_of), bool)
    trained[copy_of[codes == TRAIN]] = True
    return trained[copy_of] & (codes != TRAIN)


def split_batches(path: str | Path, rows: Rows, codes: np.ndarray, code: int) -> Iterator[pa.RecordBatch]:
    """Yield the complaints of `path` that go to the split `code`, in SPLIT_SCHEMA and in the order of the file."""
    seen = seen_in_train(rows.clusters.near, codes)
    start = 0
    for batch in parquet_batches(path):
        here = np.flatnonzero(codes[start : start + batch.num_rows] == code)
        columns = {name: batch[name].take(pa.array(here)) for name in SPLIT_SCHEMA.names if name in batch.schema.names}
        columns["group"] = pa.array(group_names(rows.clusters, here + start), pa.string())
        columns["seen"] = pa.array(seen[here + start])
        yield pa.RecordBatch.from_arrays([columns[name] for name in SPLIT_SCHEMA.names], schema=SPLIT_SCHEMA)
        start += batch.num_rows
