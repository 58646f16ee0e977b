"""Properties of the split into train, validation and test, by every method."""

import itertools
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.split_data import Complaint, params, read, table_of

from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import LABELED_SCHEMA, SPLIT_SCHEMA, SPLITS
from complaints.splits.methods import (
    METHODS,
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    LabeledRows,
    group_names,
    split_batches,
)

corpora = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("splits")


def code_by_id(rows: LabeledRows, assignment: Assignment) -> dict[str, int]:
    return dict(zip(rows.row_ids.to_pylist(), assignment.codes.tolist(), strict=True))


@given(corpora, st.floats(0.01, 0.9), st.floats(0.01, 0.9), st.integers(0, 99))
@settings(max_examples=60)
def test_grouped_keeps_every_cluster_in_one_split(
    folder: Path, corpus: list[Complaint], test: float, validation: float, seed: int
) -> None:
    rows = read(folder, table_of(corpus))
    codes = METHODS["grouped"](rows, params(test=test, validation=validation, seed=seed)).codes
    for cluster in np.unique(rows.clusters.near):
        assert len(set(codes[rows.clusters.near == cluster])) == 1


@given(corpora, st.integers(0, 99))
@settings(max_examples=60)
def test_grouped_keeps_every_class_in_train(folder: Path, corpus: list[Complaint], seed: int) -> None:
    rows = read(folder, table_of(corpus))
    codes = METHODS["grouped"](rows, params(test=0.8, seed=seed)).codes
    assert set(rows.label_ids[codes == TRAIN]) == set(rows.label_ids)


@given(corpora, st.randoms(use_true_random=False), st.sampled_from(["grouped", "stratified", "temporal"]))
@settings(max_examples=60)
def test_row_order_does_not_change_the_split(
    folder: Path, corpus: list[Complaint], generator: random.Random, method: str
) -> None:
    table = table_of(corpus)
    shuffled = list(range(len(corpus)))
    generator.shuffle(shuffled)
    here, there = (read(folder, rows) for rows in (table, table.take(shuffled)))
    first, second = (code_by_id(rows, METHODS[method](rows, params(method))) for rows in (here, there))
    assert first == second


@given(corpora, corpora, st.integers(0, 99))
@settings(max_examples=150)
def test_newer_rows_move_only_listed_clusters_and_none_out_of_train(
    folder: Path, corpus: list[Complaint], more: list[Complaint], seed: int
) -> None:
    old_table = table_of(corpus)
    old = read(folder, old_table)
    new = read(folder, pa.concat_tables([old_table, table_of(more, first=1000, day=18_000)]))
    before = METHODS["grouped"](old, params(seed=seed)).codes
    after = METHODS["grouped"](new, params(seed=seed))
    moved = np.flatnonzero(before != after.codes[: len(before)])
    assert set(new.clusters.near[moved]) <= set(after.kept) | set(after.merged)
    assert np.all(after.codes[moved] == TRAIN)


@given(corpora, corpora, st.integers(0, 99))
@settings(max_examples=60)
def test_older_rows_without_duplicates_move_only_clusters_kept_for_their_class(
    folder: Path, corpus: list[Complaint], more: list[Complaint], seed: int
) -> None:
    old_table = table_of(corpus)
    old = read(folder, old_table)
    apart = [(template + 100, variant, label) for template, variant, label in more]
    new = read(folder, pa.concat_tables([table_of(apart, first=1000, day=16_000), old_table]))
    before, after = (METHODS["grouped"](rows, params(seed=seed)) for rows in (old, new))
    moved = np.flatnonzero(before.codes != after.codes[len(more) :])
    assert set(group_names(old.clusters, moved)) <= set(group_names(old.clusters, before.kept)) | set(
        group_names(new.clusters, after.kept)
    )


def test_merged_clusters_of_two_splits_go_to_train_and_are_listed(folder: Path) -> None:
    words = [f"w{i}" for i in range(100)]
    left, right, middle = " ".join(words[:80]), " ".join(words[20:]), " ".join(words)
    found = set()
    for seed in range(60):
        table = table_of([(1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0)])
        table = table.set_column(1, LABELED_SCHEMA.field("text"), [["the oldest of its class", left, right, middle]])
        old = read(folder, table.slice(0, 3))
        new = read(folder, table)
        before = METHODS["grouped"](old, params(test=0.5, seed=seed)).codes.tolist()
        after = METHODS["grouped"](new, params(test=0.5, seed=seed))
        assert len(set(after.codes[1:])) == 1
        assert after.merged.tolist() == ([1] if before[1] != before[2] else [])
        assert after.codes[1] == (TRAIN if before[1] != before[2] else before[1])
        found.add((before[1] != before[2], before[1]))
    assert len(found) > 3


def test_split_sizes_are_close_to_the_fractions_and_the_seed_changes_the_split(folder: Path) -> None:
    rows = read(folder, table_of([(template, 0, 0) for template in range(4000)]))
    first, second = (METHODS["grouped"](rows, params(seed=seed)).codes for seed in (1, 2))
    assert abs(np.mean(first == TEST) - 0.25) < 0.02
    assert abs(np.mean(first == VALIDATION) - 0.075) < 0.02
    assert np.mean(first != second) > 0.2


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.01, 0.9), st.floats(0.01, 0.9))
@settings(max_examples=60)
def test_stratified_gives_each_split_its_fraction_of_each_class_and_train_at_least_one_row(
    folder: Path, labels: list[int], test: float, validation: float
) -> None:
    rows = read(folder, table_of([(i, 0, label) for i, label in enumerate(labels)]))
    codes = METHODS["stratified"](rows, params("stratified", test, validation)).codes
    for label in set(labels):
        counts = np.bincount(codes[rows.label_ids == label], minlength=3)
        size = labels.count(label)
        assert counts[TRAIN] >= 1
        assert counts[TEST] == min(int(test * size + 0.5), size - 1)
        assert counts[VALIDATION] == min(int(validation * (size - counts[TEST]) + 0.5), size - counts[TEST] - 1)


@given(st.lists(st.integers(0, 30), min_size=3, max_size=80), st.floats(0.1, 0.5), st.floats(0.1, 0.5))
@settings(max_examples=60)
def test_temporal_orders_splits_by_date_and_divides_no_day(
    folder: Path, days: list[int], test: float, validation: float
) -> None:
    table = table_of([(i, 0, 0) for i in range(len(days))])
    dates = pa.array([17_000 + day for day in days], pa.int32()).cast(pa.date32())
    rows = read(folder, table.set_column(3, LABELED_SCHEMA.field("date"), dates))
    codes = METHODS["temporal"](rows, params("temporal", test, validation)).codes
    by_code = [np.array(days)[codes == code] for code in (TRAIN, VALIDATION, TEST)]
    nonempty = [split_days for split_days in by_code if len(split_days)]
    assert all(earlier.max() < later.min() for earlier, later in itertools.pairwise(nonempty))
    assert abs(len(by_code[2]) - test * len(days)) <= max(np.bincount(days))


def test_temporal_refuses_rows_without_a_date(folder: Path) -> None:
    table = table_of([(i, 0, 0) for i in range(4)])
    dates = pa.array([1, None, 2, 3], pa.int32()).cast(pa.date32())
    rows = read(folder, table.set_column(3, LABELED_SCHEMA.field("date"), dates))
    with pytest.raises(UserError, match=r"1 of 4 complaints have no date.*set split\.method"):
        METHODS["temporal"](rows, params("temporal"))


def test_canonical_keeps_the_split_of_the_source(folder: Path) -> None:
    source = ["train"] * 6 + ["validation"] * 2 + ["test"] * 4
    rows = read(folder, table_of([(i, 0, i % 2) for i in range(12)], source=source))
    codes = METHODS["canonical"](rows, params("canonical")).codes
    assert [SPLITS[code] for code in codes] == source


def test_canonical_draws_validation_clusters_from_train_if_the_source_has_no_validation(folder: Path) -> None:
    corpus = [(i // 2, i % 2, 0) for i in range(200)]
    rows = read(folder, table_of(corpus, source=["train"] * 150 + ["test"] * 50))
    assignment = METHODS["canonical"](rows, params("canonical", validation=0.3))
    assert np.all((assignment.codes == TEST) == (np.arange(200) >= 150))
    assert 20 < np.sum(assignment.codes == VALIDATION) < 70
    duplicate_pairs = assignment.codes[:150].reshape(-1, 2)
    assert np.all(duplicate_pairs[:, 0] == duplicate_pairs[:, 1])


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (None, "no complaint has a split from the source; fill fetch.file.columns.split, or set split.method"),
        (["train", None] * 3, "3 of 6 complaints have no split from the source"),
    ],
)
def test_canonical_refuses_rows_without_a_split(folder: Path, source: list[str | None] | None, problem: str) -> None:
    rows = read(folder, table_of([(i, 0, 0) for i in range(6)], source=source))
    with pytest.raises(UserError, match=problem):
        METHODS["canonical"](rows, params("canonical"))


def test_split_files_hold_every_row_once_in_file_order(folder: Path) -> None:
    table = table_of([(i % 50, i % 3, i % 4) for i in range(300)])
    rows = read(folder, table)
    codes = METHODS["grouped"](rows, params()).codes
    splits = []
    for code in range(3):
        batches = split_batches(folder / "labeled.parquet", rows, codes, code)
        write_parquet(folder / "split.parquet", SPLIT_SCHEMA, batches)
        splits.append(read_parquet(folder / "split.parquet"))
        assert splits[-1]["row_id"].to_pylist() == [str(i) for i in np.flatnonzero(codes == code)]
    union = pa.concat_tables(splits).sort_by("row_id")
    assert union["text"].equals(table.sort_by("row_id")["text"])
    assert not any(splits[0]["seen"].to_pylist() + splits[2]["seen"].to_pylist())
