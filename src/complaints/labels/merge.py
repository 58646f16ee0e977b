"""Raw labels turned into the classes of the task, in two passes over the complaints."""

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
    """How many complaints there are, how many cannot be used, and how many each pair of raw label and product has."""

    rows: int
    blank: int
    unlabeled: int
    pairs: dict[tuple[str, str | None], int]


@dataclass(frozen=True)
class Classes:
    """What `choose` returns: class names in order of their ids, the id of each raw label that has one, and two reports.

    `report` is reports/labels.json; `products` counts the complaints of each class by product, after the map's renames
    of products, None for no product.
    """

    names: list[str]
    ids: dict[str, int]
    products: list[dict[str | None, int]]
    report: dict[str, Any]


def count(batches: Iterable[pa.RecordBatch]) -> RawCounts:
    """Count complaints with the columns text, label and product of RAW_SCHEMA."""
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
    """Decide the classes: raw labels are merged, then classes that are not listed or below `min_count` are left out.

    White space around a label does not count; nothing else of a label is touched. Class ids follow the code-point order
    of the class names.

    Raises:
        UserError: if fewer than two classes are left.
    """
    raw: Counter[str] = Counter()
    products: dict[str, Counter[str | None]] = {}
    for (label, product), rows in counts.pairs.items():
        raw[label] += rows
        own = products.setdefault(label_map.merges.get(label, label), Counter())
        own[label_map.products.get(product, product) if product else None] += rows
    merged = {name: own.total() for name, own in products.items()}
    listed = set(label_map.classes)
    not_listed = {name for name in merged if name not in listed} if only_listed else set()
    names = sorted(name for name, rows in merged.items() if rows >= min_count and name not in not_listed)
    dropped = {name: rows for name, rows in merged.items() if rows < min_count and name not in not_listed}
    left_out = {
        BLANK_TEXT: counts.blank,
        NO_LABEL: counts.unlabeled,
        **({NOT_LISTED: sum(merged[name] for name in not_listed)} if only_listed else {}),
        BELOW_MIN_COUNT: sum(dropped.values()),
    }
    if len(names) < 2:
        raise UserError(_nothing_left(counts.rows, left_out, merged, min_count))
    numbers = {name: index for index, name in enumerate(names)}
    targets = {label: label_map.merges.get(label, label) for label in raw}
    report = {
        "rows_read": counts.rows,
        "rows_kept": sum(merged[name] for name in names),
        "rows_dropped": left_out,
        "raw_labels": len(raw),
        "merged_labels": len(merged),
        "classes": len(names),
        # Lists, not mappings: DVC would show every number of a mapping as a metric.
        "class_counts": [{"class": name, "rows": merged[name]} for name in names],
        "classes_dropped": [{"class": name, "rows": dropped[name]} for name in sorted(dropped)],
        "classes_absent": sorted(listed - set(merged)),
        "not_in_the_list": [{"label": name, "rows": merged[name]} for name in sorted(set(merged) - listed)],
        "merges": [
            {"from": source, "to": target, "rows": raw[source]} for source, target in sorted(label_map.merges.items())
        ],
    }
    ids = {label: numbers[target] for label, target in targets.items() if target in numbers}
    return Classes(names, ids, [dict(products[name]) for name in names], report)


def labeled(batches: Iterable[pa.RecordBatch], ids: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
    """Yield the complaints of RAW_SCHEMA that have a text and a label with an id, as LABELED_SCHEMA, in their order."""
    names = pa.array(list(ids), pa.string())
    # A raw label without an id has no place in `names`, so that its rows get null and fall out below.
    numbers = pa.array(list(ids.values()), pa.int32())
    for batch in batches:
        label_ids = numbers.take(pc.index_in(trimmed_labels(batch["label"]), value_set=names))
        kept = pc.and_(pc.is_valid(label_ids), pc.invert(blank_texts(batch["text"])))
        columns = {name: label_ids if name == "label_id" else batch[name] for name in LABELED_SCHEMA.names}
        yield pa.record_batch(columns).filter(kept).cast(LABELED_SCHEMA)


def _nothing_left(rows: int, left_out: dict[str, int], merged: dict[str, int], min_count: int) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    large = sum(count >= min_count for count in merged.values())
    message = f"of {rows} complaints {large or 'no'} class is left, and at least two are needed (left out: {reasons})"
    if left_out.get(NOT_LISTED):
        return f"{message}; list their classes in merge_labels.map or set merge_labels.only_listed to false"
    if merged and large < len(merged):
        return f"{message}; the largest class has {max(merged.values())}: lower merge_labels.min_count = {min_count}"
    return f"{message}; check which columns fetch.file.columns takes the text and the label from"
