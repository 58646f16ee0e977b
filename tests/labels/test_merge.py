"""Raw labels are mapped to classes, counted, or dropped with a reason."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.label_maps import make_map
from support.paths import ROOT

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.schema import LABELED_SCHEMA, RAW_SCHEMA
from complaints.labels.label_map import LabelMap, load_map
from complaints.labels.merge import Classes, choose, count, labeled

MAP = make_map(["Fees", "Loans", "Never seen"], {"Old fees": "Fees", "Unused": "Loans"})


class Merged(NamedTuple):
    table: pa.Table
    classes: Classes

    @property
    def names(self) -> list[str]:
        return self.classes.names

    @property
    def report(self) -> dict[str, Any]:
        return self.classes.report


def merge(table: pa.Table, label_map: LabelMap, min_count: int, only_listed: bool = False, size: int = 3) -> Merged:
    """Return the result of both passes of the stage over batches of `size` rows."""
    batches = table.to_batches(max_chunksize=size)
    classes = choose(count(batches), label_map, min_count, only_listed)
    return Merged(pa.Table.from_batches(labeled(batches, classes.ids), LABELED_SCHEMA), classes)


def raw(pairs: Sequence[tuple[str, str | None]]) -> pa.Table:
    rows = [
        {"row_id": f"r{number}", "text": text, "label": label, "product": "p", "source_split": None, "date": None}
        for number, (text, label) in enumerate(pairs)
    ]
    return pa.Table.from_pylist(rows, schema=RAW_SCHEMA)


def test_rows_are_merged_filtered_and_counted() -> None:
    table = raw(
        [
            ("a", "Loans"),
            ("b", " Old fees\t"),
            ("", "Fees"),
            (" \n\u00a0", None),
            ("c", "Fees"),
            ("d", None),
            ("e", "  "),
            ("f", "Rare"),
            (" g ", "Loans"),
            ("h", "Unheard of"),
            ("i", "Unheard of"),
        ]
    )
    merged = merge(table, MAP, min_count=2)
    assert merged.names == ["Fees", "Loans", "Unheard of"]
    assert merged.table.schema == LABELED_SCHEMA
    kept = list(zip(*(merged.table[name].to_pylist() for name in ("row_id", "text", "label_id")), strict=True))
    assert kept == [
        ("r0", "a", 1),
        ("r1", "b", 0),
        ("r4", "c", 0),
        ("r8", " g ", 1),
        ("r9", "h", 2),
        ("r10", "i", 2),
    ]
    assert merged.report == {
        "rows_read": 11,
        "rows_kept": 6,
        "rows_dropped": {"blank text": 2, "no label": 2, "class below min_count": 1},
        "raw_labels": 5,
        "merged_labels": 4,
        "classes": 3,
        "class_counts": [
            {"class": "Fees", "rows": 2},
            {"class": "Loans", "rows": 2},
            {"class": "Unheard of", "rows": 2},
        ],
        "classes_dropped": [{"class": "Rare", "rows": 1}],
        "classes_absent": ["Never seen"],
        "not_in_the_list": [{"label": "Rare", "rows": 1}, {"label": "Unheard of", "rows": 2}],
        "merges": [
            {"from": "Old fees", "to": "Fees", "rows": 1},
            {"from": "Unused", "to": "Loans", "rows": 0},
        ],
    }


def test_min_count_applies_after_merging_and_without_blank_texts() -> None:
    pairs = [("a", "Old fees"), ("b", "Fees"), ("c", "Loans"), (" ", "Loans"), ("d", "x"), ("e", "x")]
    assert merge(raw(pairs), MAP, min_count=2).names == ["Fees", "x"]


def test_without_a_map_every_label_is_a_class_and_none_is_absent_or_unlisted() -> None:
    pairs = [("a", "sport"), ("b", "sport"), ("c", " 1"), ("d", "1"), ("e", "rare")]
    merged = merge(raw(pairs), load_map(ROOT / paths.NO_MAP), min_count=2)
    assert merged.names == ["1", "sport"]
    assert (merged.report["classes_absent"], merged.report["not_in_the_list"], merged.report["merges"]) == ([], [], [])
    assert merged.report["classes_dropped"] == [{"class": "rare", "rows": 1}]


def test_class_ids_follow_the_code_points_of_the_names() -> None:
    pairs = [("a", "b"), ("a", "É"), ("a", "B"), ("a", "a b"), ("a", "a")]
    merged = merge(raw(pairs), MAP, min_count=1)
    assert merged.names == ["B", "a", "a b", "b", "É"]
    assert merged.table["label_id"].to_pylist() == [3, 4, 0, 2, 1]


def test_other_columns_stay_unchanged() -> None:
    table = raw([("a", "Fees"), ("b", "Loans")]).set_column(
        5, RAW_SCHEMA.field("source_split"), pa.array(["train", "test"])
    )
    merged = merge(table, MAP, min_count=1).table
    assert merged["source_split"].to_pylist() == ["train", "test"]
    assert merged["product"].to_pylist() == ["p", "p"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("a", "Fees"), ("b", "Loans")], "the largest class has 1: lower merge_labels.min_count = 3"),
        ([("a", "Fees")] * 3 + [("b", "Loans")], "4 complaints have 1 class"),
        ([("a", "Fees")] * 4, "check the columns of text and label in fetch.file.columns"),
        ([("", "Fees"), ("a", None)], "2 complaints have no class"),
        ([("", "Fees"), ("a", None)], "1 blank text, 1 no label"),
        ([], "0 complaints have no class"),
    ],
)
def test_fewer_than_two_classes_is_an_error_with_its_reason(pairs: list[tuple[str, str | None]], expected: str) -> None:
    with pytest.raises(UserError) as error:
        merge(raw(pairs), MAP, min_count=3)
    assert expected in str(error.value)


def test_unlisted_classes_are_dropped_with_a_reason_if_only_listed() -> None:
    pairs = [("a", "Fees"), ("b", "Old fees"), ("c", "x"), ("d", "x"), ("e", "Loans"), ("f", "Rare"), ("", "x")]
    merged = merge(raw(pairs), MAP, min_count=1, only_listed=True)
    assert merged.names == ["Fees", "Loans"]
    assert merged.table["row_id"].to_pylist() == ["r0", "r1", "r4"]
    assert merged.report["rows_dropped"] == {
        "blank text": 1,
        "no label": 0,
        "class not in the map": 3,
        "class below min_count": 0,
    }
    assert merged.report["not_in_the_list"] == [{"label": "Rare", "rows": 1}, {"label": "x", "rows": 2}]


def test_map_without_any_of_the_classes_is_an_error_if_only_listed() -> None:
    with pytest.raises(UserError, match=r"4 class not in the map.*only_listed"):
        merge(raw([("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")]), MAP, min_count=1, only_listed=True)


def test_complaints_of_each_class_are_counted_by_product() -> None:
    table = raw([("a", "Fees"), ("b", "Old fees"), ("c", " Fees"), ("d", "Loans"), ("", "Loans")])
    products = pa.array(["card", "card", "loan", None, "loan"])
    table = table.set_column(4, RAW_SCHEMA.field("product"), products)
    assert merge(table, MAP, min_count=1).classes.products == [{"card": 2, "loan": 1}, {None: 1}]
    renaming = make_map(MAP.classes, MAP.merges, {"card": "loan", "debt": "x"})
    assert merge(table, renaming, min_count=1).classes.products == [{"loan": 3}, {None: 1}]


TEXTS = st.sampled_from(["a", "b c", "", " \n"])
LABELS = st.sampled_from(["Fees", "Old fees", " Fees ", "Loans", "Unused", "x", "y", "", "  ", None])


@given(
    pairs=st.lists(st.tuples(TEXTS, LABELS), max_size=40),
    min_count=st.integers(1, 3),
    only_listed=st.booleans(),
    size=st.integers(1, 50),
)
def test_every_complaint_is_kept_under_its_class_or_counted_under_one_reason(
    pairs: list[tuple[str, str | None]], min_count: int, only_listed: bool, size: int
) -> None:
    classes = [MAP.merges.get((label or "").strip(), (label or "").strip()) for _, label in pairs]
    usable = Counter(name for (text, _), name in zip(pairs, classes, strict=True) if text.strip() and name)
    names = sorted(n for n, rows in usable.items() if rows >= min_count and (not only_listed or n in MAP.classes))
    if len(names) < 2:
        with pytest.raises(UserError, match="at least two are needed"):
            merge(raw(pairs), MAP, min_count, only_listed, size)
        return
    merged = merge(raw(pairs), MAP, min_count, only_listed, size)
    kept = [
        (f"r{i}", name)
        for i, ((text, _), name) in enumerate(zip(pairs, classes, strict=True))
        if text.strip() and name in names
    ]
    ids = merged.table["label_id"].to_pylist()
    assert merged.names == names
    assert list(zip(merged.table["row_id"].to_pylist(), (names[i] for i in ids), strict=True)) == kept
    assert merged.report["rows_kept"] == len(kept)
    assert sum(merged.report["rows_dropped"].values()) == len(pairs) - len(kept)
