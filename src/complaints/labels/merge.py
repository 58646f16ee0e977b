"""Mapping of raw labels to the classes of the task, in two passes over the complaints."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.columns import blank_texts, trimmed_labels
from complaints.core.errors import UserError
from complaints.core.schema import LABELED_SCHEMA
from complaints.labels.label_map import LabelMap

BLANK_TEXT = "blank text"
NO_LABEL = "no label"
NOT_LISTED = "class not in the map"
BELOW_MIN_COUNT = "class below min_count"


@dataclass(frozen=True)
class RawCounts:
    """Numbers of complaints before labels are merged."""

    rows: int
    blank: int
    """Complaints with a blank text."""
    unlabeled: int
    """Complaints with a text but without a label."""
    pairs: dict[tuple[str, str | None], int]
    """Usable complaints by raw label and product, None for no product."""


@dataclass(frozen=True)
class Classes:
    """The classes of the task."""

    names: list[str]
    """Class names in the order of their ids."""
    ids: dict[str, int]
    """Class id of each raw label that is kept."""
    products: list[dict[str | None, int]]
    """Complaints of each class by product, after the label map's renames; None for no product."""
    report: dict[str, Any]
    """The report of merged and dropped labels, with counts."""


def count(batches: Iterable[pa.RecordBatch]) -> RawCounts:
    """Return the numbers of complaints, given batches with the columns text, label and product of RAW_SCHEMA."""
    rows = blank = unlabeled = 0
    pairs: Counter[tuple[str, str | None]] = Counter()
    for batch in batches:
        labels = trimmed_labels(batch["label"])
        empty = blank_texts(batch["text"])
        usable = pc.and_(pc.is_valid(labels), pc.invert(empty))
        rows += batch.num_rows
        blank += empty.true_count
        unlabeled += pc.and_(pc.is_null(labels), pc.invert(empty)).true_count
        table = pa.table({"label": labels, "product": batch["product"]}).filter(usable)
        grouped = table.group_by(["label", "product"]).aggregate([([], "count_all")])
        for label, product, number in zip(*(grouped[name].to_pylist() for name in grouped.schema.names), strict=True):
            pairs[label, product] += number
    return RawCounts(rows, blank, unlabeled, dict(pairs))


def choose(counts: RawCounts, label_map: LabelMap, min_count: int, only_listed: bool) -> Classes:
    """Return the classes after raw labels are merged, and classes not listed or below `min_count` are dropped.

    Args:
        counts: Numbers of complaints by raw label. Labels come without surrounding white space, otherwise unchanged.
        label_map: The merges, the listed classes and the renames of products.
        min_count: The fewest complaints of a class.
        only_listed: Whether to drop classes that the label map does not list.

    Raises:
        UserError: if fewer than two classes remain.
    """
    raw: Counter[str] = Counter()
    products: dict[str, Counter[str | None]] = {}
    for (label, product), rows in counts.pairs.items():
        raw[label] += rows
        own = products.setdefault(label_map.merges.get(label, label), Counter())
        own[label_map.products.get(product, product) if product else None] += rows
    merged = {name: own.total() for name, own in products.items()}
    listed = set(label_map.classes)
    unlisted = set() if label_map.is_empty else set(merged) - listed
    not_listed = {name for name in merged if name not in listed} if only_listed else set()
    names = sorted(name for name, rows in merged.items() if rows >= min_count and name not in not_listed)
    dropped = {name: rows for name, rows in merged.items() if rows < min_count and name not in not_listed}
    dropped_rows = {
        BLANK_TEXT: counts.blank,
        NO_LABEL: counts.unlabeled,
        **({NOT_LISTED: sum(merged[name] for name in not_listed)} if only_listed else {}),
        BELOW_MIN_COUNT: sum(dropped.values()),
    }
    if len(names) < 2:
        raise UserError(_too_few_classes(counts.rows, dropped_rows, merged, min_count))
    numbers = {name: index for index, name in enumerate(names)}
    targets = {label: label_map.merges.get(label, label) for label in raw}
    report = {
        "rows_read": counts.rows,
        "rows_kept": sum(merged[name] for name in names),
        "rows_dropped": dropped_rows,
        "raw_labels": len(raw),
        "merged_labels": len(merged),
        "classes": len(names),
        # Lists, not mappings: DVC would show every number of a mapping as a metric.
        "class_counts": [{"class": name, "rows": merged[name]} for name in names],
        "classes_dropped": [{"class": name, "rows": dropped[name]} for name in sorted(dropped)],
        "classes_absent": sorted(listed - set(merged)),
        "not_in_the_list": [{"label": name, "rows": merged[name]} for name in sorted(unlisted)],
        "merges": [
            {"from": source, "to": target, "rows": raw[source]} for source, target in sorted(label_map.merges.items())
        ],
    }
    ids = {label: numbers[target] for label, target in targets.items() if target in numbers}
    return Classes(names, ids, [dict(products[name]) for name in names], report)


def labeled(batches: Iterable[pa.RecordBatch], ids: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
    """Yield the complaints with a text and a class, in LABELED_SCHEMA and in their order.

    Args:
        batches: Complaints in RAW_SCHEMA.
        ids: Class id of each raw label that is kept.
    """
    names = pa.array(list(ids), pa.string())
    # A raw label without an id is not in `names`, so its rows get null and the filter below drops them.
    numbers = pa.array(list(ids.values()), pa.int32())
    for batch in batches:
        label_ids = numbers.take(pc.index_in(trimmed_labels(batch["label"]), value_set=names))
        kept = pc.and_(pc.is_valid(label_ids), pc.invert(blank_texts(batch["text"])))
        columns = {name: label_ids if name == "label_id" else batch[name] for name in LABELED_SCHEMA.names}
        yield pa.record_batch(columns).filter(kept).cast(LABELED_SCHEMA)


def _too_few_classes(rows: int, dropped: dict[str, int], merged: dict[str, int], min_count: int) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
    large = sum(count >= min_count for count in merged.values())
    message = f"{rows} complaints have {large or 'no'} class, and at least two are needed (dropped: {reasons})"
    if dropped.get(NOT_LISTED):
        return f"{message}; list their classes in the label map, or set merge_labels.only_listed to false"
    if merged and large < len(merged):
        return f"{message}; the largest class has {max(merged.values())}: lower merge_labels.min_count = {min_count}"
    return f"{message}; check the columns of text and label in fetch.file.columns"
