"""Report and checks of a split."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.split_data import params, read, table_of

from complaints.core.errors import UserError
from complaints.core.schema import SPLIT_SCHEMA
from complaints.splits import report as split_report
from complaints.splits.methods import METHODS, TEST, TRAIN, Assignment, split_batches


def test_stratified_separates_duplicates_and_report_and_files_show_it(tmp_path: Path) -> None:
    rows = read(tmp_path, table_of([(i // 2, i % 2, 0) for i in range(400)]))
    assignment = METHODS["stratified"](rows, params("stratified"))
    report = split_report.summarise(rows, assignment, ["a"], "stratified")
    duplicate_pairs = assignment.codes.reshape(-1, 2)
    leaked = int(np.sum((np.sort(duplicate_pairs, axis=1) == [TRAIN, TEST]).all(axis=1)))
    assert leaked > 20
    assert report["test"]["seen_near"] == leaked
    assert report["test"]["seen_exact"] == 0
    assert any("near duplicate in train" in line for line in split_report.warnings(report))
    test = pa.Table.from_batches(split_batches(tmp_path / "labeled.parquet", rows, assignment.codes, TEST))
    assert test.schema == SPLIT_SCHEMA
    assert sum(test["seen"].to_pylist()) == leaked


@pytest.mark.parametrize(
    ("size", "source", "problem"),
    [
        (6, ["train", "validation"] * 3, "none of the 6 complaints is in test; set split.method"),
        (
            6,
            ["test", "validation", "test", "train", "test", "test"],
            "the source's split has no complaint of class 'a' in train; raise merge_labels.min_count",
        ),
        (
            80,
            ["train", "train", "validation", "test"] * 20,
            "no complaint of class 'a' in test, which a random split would rarely miss",
        ),
    ],
)
def test_unusable_split_of_the_source_is_an_error(tmp_path: Path, size: int, source: list[str], problem: str) -> None:
    rows = read(tmp_path, table_of([(i, 0, i % 2) for i in range(size)], source=source))
    assignment = METHODS["canonical"](rows, params("canonical"))
    with pytest.raises(UserError, match=problem):
        split_report.check(rows, assignment, ["a", "b"], "canonical")


def test_empty_split_is_an_error(tmp_path: Path) -> None:
    rows = read(tmp_path, table_of([(0, 0, 0), (1, 0, 1)]))
    with pytest.raises(UserError, match="none of the 2 complaints is in validation; add complaints"):
        split_report.check(rows, METHODS["grouped"](rows, params()), ["a", "b"], "grouped")


@pytest.mark.parametrize(("method", "is_told"), [("grouped", True), ("temporal", False), ("stratified", False)])
def test_an_empty_split_is_explained_by_near_duplicates_where_they_stay_together(
    tmp_path: Path, method: str, is_told: bool
) -> None:
    rows = read(tmp_path, table_of([(i % 2, 0, i % 2) for i in range(60)]))
    empty = Assignment(np.full(60, TRAIN, np.int8))
    with pytest.raises(UserError) as error:
        split_report.check(rows, empty, ["a", "b"], method)
    told = "in validation: near duplicates stay together, and without them there are 2; add complaints with other texts"
    assert (told in str(error.value)) == is_told
    assert "change the fractions under split" in str(error.value)


def test_report_counts_duplicates_classes_and_shares(tmp_path: Path) -> None:
    corpus = [(i, 0, i % 2) for i in range(60)] + [(70, 0, 0), (70, 0, 0), (70, 1, 0), (80, 0, 2)]
    source = ["train", "validation", "test"] * 20 + ["train", "test", "test", "train"]
    rows = read(tmp_path, table_of(corpus, source=source))
    report = split_report.summarise(rows, METHODS["canonical"](rows, params("canonical")), list("abc"), "canonical")
    assert report["copies"] == {"exact": 1, "near": 2, "clusters_of_several": 1, "largest_cluster": 3}
    assert report["test"] == {
        **{"rows": 22, "share": 0.3438, "classes": 2, "clusters": 21},
        **{"seen_exact": 1, "seen_exact_share": 0.0455, "seen_near": 2, "seen_near_share": 0.0909},
    }
    assert report["missing_classes"] == {"train": [], "validation": ["c"], "test": ["c"]}
    assert report["label_shares"][2] == {"class": "c", "train": 0.0455, "validation": 0.0, "test": 0.0}
    assert split_report.warnings(report)[0] == "no complaint of class 'c' in validation; none of class 'c' in test"


def test_every_difference_from_expected_numbers_is_named() -> None:
    report = {"train": {"rows": 10}, "validation": {"rows": 2}, "test": {"rows": 5}}
    split_report.check_expected(report, {"train": 10, "test": 5, "classes": 3}, 3)
    with pytest.raises(UserError, match="train 10 instead of 11, classes 3 instead of 4"):
        split_report.check_expected(report, {"train": 11, "test": 5, "classes": 4}, 3)
    with pytest.raises(UserError, match="'dev'; known keys: classes, train"):
        split_report.check_expected(report, {"dev": 1}, 3)
