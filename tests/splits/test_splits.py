"""Properties of the division into train, validation and test, by every method."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from complaints.core.errors import UserError
from complaints.core.files import read_parquet, write_parquet
from complaints.core.schema import LABELED_SCHEMA, SPLIT_SCHEMA, SPLITS
from complaints.splits import report as split_report
from complaints.splits.methods import METHODS, TEST, TRAIN, VALIDATION, Assignment, Rows, draw, group_names, read_rows
from complaints.splits.methods import split_batches as batches_of
from complaints.splits.params import SplitParams

VOCABULARY = [f"word{i}" for i in range(400)]


def params(method: str = "grouped", test: float = 0.25, validation: float = 0.1, seed: int = 13) -> SplitParams:
    return SplitParams(method, test, validation, seed, None)  # type: ignore[arg-type]


def text_of(template: int, variant: int) -> str:
    """One of 40 words; variants of one template differ in one word, hence are near-copies."""
    words = np.random.default_rng(template).choice(VOCABULARY, 40).tolist()
    words[5 + variant % 30] = f"variant{variant}" if variant else words[5]
    return " ".join(words)


Row = tuple[int, int, int]
"""Template, variant and label of a complaint."""


def table_of(rows: list[Row], first: int = 0, day: int = 17_000, source: list[str] | None = None) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "row_id": str(first + i),
                "text": text_of(template, variant),
                "label_id": label,
                "date": day + i // 7,
                "source_split": source[i] if source else None,
            }
            for i, (template, variant, label) in enumerate(rows)
        ],
        schema=LABELED_SCHEMA.set(3, pa.field("date", pa.int32())),
    ).cast(LABELED_SCHEMA)


def read(tmp: Path, table: pa.Table) -> Rows:
    write_parquet(tmp / "labeled.parquet", LABELED_SCHEMA, [table])
    return read_rows(tmp / "labeled.parquet")


def where(rows: Rows, assignment: Assignment) -> dict[str, int]:
    return dict(zip(rows.row_ids.to_pylist(), assignment.codes.tolist(), strict=True))


corpora = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def tmp(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("splits")


@given(corpora, st.floats(0.01, 0.9), st.floats(0.01, 0.9), st.integers(0, 99))
@settings(max_examples=60)
def test_no_cluster_stands_in_two_splits(tmp, corpus, test, validation, seed):
    rows = read(tmp, table_of(corpus))
    codes = METHODS["grouped"](rows, params(test=test, validation=validation, seed=seed)).codes
    for cluster in np.unique(rows.clusters.near):
        assert len(set(codes[rows.clusters.near == cluster])) == 1


@given(corpora, st.integers(0, 99))
@settings(max_examples=60)
def test_every_class_is_in_train(tmp, corpus, seed):
    rows = read(tmp, table_of(corpus))
    codes = METHODS["grouped"](rows, params(test=0.8, seed=seed)).codes
    assert set(rows.label_ids[codes == TRAIN]) == set(rows.label_ids)


@given(corpora, st.randoms(use_true_random=False), st.sampled_from(["grouped", "stratified", "temporal"]))
@settings(max_examples=60)
def test_the_order_of_the_rows_does_not_matter(tmp, corpus, random, method):
    table = table_of(corpus)
    place = list(range(len(corpus)))
    random.shuffle(place)
    here, there = (read(tmp, part) for part in (table, table.take(place)))
    assert where(here, METHODS[method](here, params(method))) == where(there, METHODS[method](there, params(method)))


@given(corpora, corpora, st.integers(0, 99))
@settings(max_examples=150)
def test_newer_rows_move_nothing_but_listed_clusters_and_nothing_out_of_train(tmp, corpus, more, seed):
    old_table = table_of(corpus)
    old = read(tmp, old_table)
    new = read(tmp, pa.concat_tables([old_table, table_of(more, first=1000, day=18_000)]))
    before = METHODS["grouped"](old, params(seed=seed)).codes
    after = METHODS["grouped"](new, params(seed=seed))
    moved = np.flatnonzero(before != after.codes[: len(before)])
    assert set(new.clusters.near[moved]) <= set(after.kept) | set(after.joined)
    assert np.all(after.codes[moved] == TRAIN)


@given(corpora, corpora, st.integers(0, 99))
@settings(max_examples=60)
def test_other_rows_of_any_age_move_nothing_but_clusters_kept_for_their_class(tmp, corpus, more, seed):
    old_table = table_of(corpus)
    old = read(tmp, old_table)
    apart = [(template + 100, variant, label) for template, variant, label in more]
    new = read(tmp, pa.concat_tables([table_of(apart, first=1000, day=16_000), old_table]))
    before, after = (METHODS["grouped"](rows, params(seed=seed)) for rows in (old, new))
    moved = np.flatnonzero(before.codes != after.codes[len(more) :])
    assert set(group_names(old.clusters, moved)) <= set(group_names(old.clusters, before.kept)) | set(
        group_names(new.clusters, after.kept)
    )


def test_a_join_of_clusters_of_two_splits_goes_to_train_and_is_listed(tmp):
    words = [f"w{i}" for i in range(100)]
    left, right, middle = " ".join(words[:80]), " ".join(words[20:]), " ".join(words)
    found = set()
    for seed in range(60):
        table = table_of([(1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0)])
        table = table.set_column(1, LABELED_SCHEMA.field("text"), [["the oldest of its class", left, right, middle]])
        old = read(tmp, table.slice(0, 3))
        new = read(tmp, table)
        before = METHODS["grouped"](old, params(test=0.5, seed=seed)).codes.tolist()
        after = METHODS["grouped"](new, params(test=0.5, seed=seed))
        assert len(set(after.codes[1:])) == 1
        assert after.joined.tolist() == ([1] if before[1] != before[2] else [])
        assert after.codes[1] == (TRAIN if before[1] != before[2] else before[1])
        found.add((before[1] != before[2], before[1]))
    assert len(found) > 3


def test_shares_come_close_and_the_seed_changes_the_division(tmp):
    rows = read(tmp, table_of([(template, 0, 0) for template in range(4000)]))
    first, second = (METHODS["grouped"](rows, params(seed=seed)).codes for seed in (1, 2))
    assert abs(np.mean(first == TEST) - 0.25) < 0.02
    assert abs(np.mean(first == VALIDATION) - 0.075) < 0.02
    assert np.mean(first != second) > 0.2


def test_draws_are_even_and_pinned():
    drawn = draw([str(i) for i in range(4000)], 13)
    assert np.all(np.abs(np.histogram(drawn, bins=10, range=(0, 1))[0] - 400) < 80)
    # Another value here would move every complaint of every user to another split.
    assert draw(["0123456789abcdef"], 13)[0] == pytest.approx(0.2258461342)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.01, 0.9), st.floats(0.01, 0.9))
@settings(max_examples=60)
def test_stratified_gives_each_class_its_quotas_and_train_a_row(tmp, labels, test, validation):
    rows = read(tmp, table_of([(i, 0, label) for i, label in enumerate(labels)]))
    codes = METHODS["stratified"](rows, params("stratified", test, validation)).codes
    for label in set(labels):
        counts = np.bincount(codes[rows.label_ids == label], minlength=3)
        size = labels.count(label)
        assert counts[TRAIN] >= 1
        assert counts[TEST] == min(int(test * size + 0.5), size - 1)
        assert counts[VALIDATION] == min(int(validation * (size - counts[TEST]) + 0.5), size - counts[TEST] - 1)


def test_stratified_lets_copies_straddle_and_the_report_and_the_files_say_so(tmp):
    rows = read(tmp, table_of([(i // 2, i % 2, 0) for i in range(400)]))
    assignment = METHODS["stratified"](rows, params("stratified"))
    report = split_report.summarise(rows, assignment, ["a"], "stratified")
    twins = assignment.codes.reshape(-1, 2)
    leaked = int(np.sum((np.sort(twins, axis=1) == [TRAIN, TEST]).all(axis=1)))
    assert leaked > 20
    assert report["test"]["seen_near"] == leaked
    assert report["test"]["seen_exact"] == 0
    assert any("near copy in train" in line for line in split_report.warnings(report))
    test = pa.Table.from_batches(batches_of(tmp / "labeled.parquet", rows, assignment.codes, TEST))
    assert test.schema == SPLIT_SCHEMA
    assert sum(test["seen"].to_pylist()) == leaked


@given(st.lists(st.integers(0, 30), min_size=3, max_size=80), st.floats(0.1, 0.5), st.floats(0.1, 0.5))
@settings(max_examples=60)
def test_temporal_trains_on_the_past_and_divides_no_day(tmp, days, test, validation):
    table = table_of([(i, 0, 0) for i in range(len(days))])
    dates = pa.array([17_000 + day for day in days], pa.int32()).cast(pa.date32())
    rows = read(tmp, table.set_column(3, LABELED_SCHEMA.field("date"), dates))
    codes = METHODS["temporal"](rows, params("temporal", test, validation)).codes
    by_code = [np.array(days)[codes == code] for code in (TRAIN, VALIDATION, TEST)]
    held = [part for part in by_code if len(part)]
    assert all(earlier.max() < later.min() for earlier, later in itertools.pairwise(held))
    assert abs(len(by_code[2]) - test * len(days)) <= max(np.bincount(days))


def test_temporal_wants_a_date_on_every_row(tmp):
    table = table_of([(i, 0, 0) for i in range(4)])
    dates = pa.array([1, None, 2, 3], pa.int32()).cast(pa.date32())
    rows = read(tmp, table.set_column(3, LABELED_SCHEMA.field("date"), dates))
    with pytest.raises(UserError, match=r"1 of 4 complaints have no date.*set split\.method"):
        METHODS["temporal"](rows, params("temporal"))


def test_canonical_keeps_the_sources_split(tmp):
    source = ["train"] * 6 + ["validation"] * 2 + ["test"] * 4
    rows = read(tmp, table_of([(i, 0, i % 2) for i in range(12)], source=source))
    codes = METHODS["canonical"](rows, params("canonical")).codes
    assert [SPLITS[code] for code in codes] == source


def test_canonical_draws_validation_from_clusters_of_train_where_the_source_has_none(tmp):
    corpus = [(i // 2, i % 2, 0) for i in range(200)]
    rows = read(tmp, table_of(corpus, source=["train"] * 150 + ["test"] * 50))
    assignment = METHODS["canonical"](rows, params("canonical", validation=0.3))
    assert np.all((assignment.codes == TEST) == (np.arange(200) >= 150))
    assert 20 < np.sum(assignment.codes == VALIDATION) < 70
    twins = assignment.codes[:150].reshape(-1, 2)
    assert np.all(twins[:, 0] == twins[:, 1])


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (None, "the complaints have no split of their source; fill fetch.file.columns.split, or set split.method"),
        (["train", None] * 3, "3 of 6 complaints have no split of their source"),
    ],
)
def test_canonical_wants_a_split_on_every_row(tmp, source, problem):
    rows = read(tmp, table_of([(i, 0, 0) for i in range(6)], source=source))
    with pytest.raises(UserError, match=problem):
        METHODS["canonical"](rows, params("canonical"))


@pytest.mark.parametrize(
    ("size", "source", "problem"),
    [
        (6, ["train", "validation"] * 3, "none of the 6 complaints falls into test; set split.method"),
        (
            6,
            ["test", "validation", "test", "train", "test", "test"],
            r"no complaint in train for class 'a' \(the source",
        ),
        (80, ["train", "train", "validation", "test"] * 20, "no complaint in test for class 'a', too many"),
    ],
)
def test_a_split_of_the_source_that_cannot_be_used_is_an_error(tmp, size, source, problem):
    rows = read(tmp, table_of([(i, 0, i % 2) for i in range(size)], source=source))
    assignment = METHODS["canonical"](rows, params("canonical"))
    with pytest.raises(UserError, match=problem):
        split_report.check(rows, assignment, ["a", "b"], "canonical")


def test_too_few_complaints_are_an_error(tmp):
    rows = read(tmp, table_of([(0, 0, 0), (1, 0, 1)]))
    with pytest.raises(UserError, match="none of the 2 complaints falls into validation; give more complaints"):
        split_report.check(rows, METHODS["grouped"](rows, params()), ["a", "b"], "grouped")


def test_the_report_counts_what_is_there(tmp):
    corpus = [(i, 0, i % 2) for i in range(60)] + [(70, 0, 0), (70, 0, 0), (70, 1, 0), (80, 0, 2)]
    rows = read(tmp, table_of(corpus, source=["train", "validation", "test"] * 20 + ["train", "test", "test", "train"]))
    report = split_report.summarise(rows, METHODS["canonical"](rows, params("canonical")), list("abc"), "canonical")
    assert report["copies"] == {"exact": 1, "near": 2, "clusters_of_several": 1, "largest_cluster": 3}
    assert report["test"] == {
        **{"rows": 22, "share": 0.3438, "classes": 2, "clusters": 21},
        **{"seen_exact": 1, "seen_exact_share": 0.0455, "seen_near": 2, "seen_near_share": 0.0909},
    }
    assert report["missing_classes"] == {"train": [], "validation": ["c"], "test": ["c"]}
    assert report["label_shares"][2] == {"class": "c", "train": 0.0455, "validation": 0.0, "test": 0.0}
    assert split_report.warnings(report)[0] == "no complaint of class 'c' in validation; none of class 'c' in test"


def test_expected_numbers_that_differ_are_all_named():
    report = {"train": {"rows": 10}, "validation": {"rows": 2}, "test": {"rows": 5}}
    split_report.check_expected(report, {"train": 10, "test": 5, "classes": 3}, 3)
    with pytest.raises(UserError, match="train 10 instead of 11, classes 3 instead of 4"):
        split_report.check_expected(report, {"train": 11, "test": 5, "classes": 4}, 3)
    with pytest.raises(UserError, match="'dev'; known keys: classes, train"):
        split_report.check_expected(report, {"dev": 1}, 3)


def test_the_files_hold_every_row_once_in_the_order_of_the_source(tmp):
    table = table_of([(i % 50, i % 3, i % 4) for i in range(300)])
    rows = read(tmp, table)
    codes = METHODS["grouped"](rows, params()).codes
    parts = []
    for code in range(3):
        write_parquet(tmp / "part.parquet", SPLIT_SCHEMA, batches_of(tmp / "labeled.parquet", rows, codes, code))
        parts.append(read_parquet(tmp / "part.parquet"))
        assert parts[-1]["row_id"].to_pylist() == [str(i) for i in np.flatnonzero(codes == code)]
    whole = pa.concat_tables(parts).sort_by("row_id")
    assert whole["text"].equals(table.sort_by("row_id")["text"])
    assert not any(parts[0]["seen"].to_pylist() + parts[2]["seen"].to_pylist())
