"""Rows of a data set on the hub have ids, splits and strings, or are refused."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from support.hub_server import Hub, serve, sha256
from support.hub_workspace import COMMIT, OTHER_COMMIT, HubWorkspace, complaints_file, parquet, small_hub
from support.paths import ROOT

from complaints import params, profiles
from complaints.core.config import read_yaml
from complaints.core.parquet import parquet_batches, write_parquet
from complaints.core.schema import LABELED_SCHEMA, SPLITS
from complaints.labels import merge
from complaints.labels.label_map import load_map
from complaints.splits import methods
from complaints.splits import report as split_report


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubWorkspace]:
    with serve(small_hub()) as hub:
        yield HubWorkspace(tmp_path, monkeypatch, hub)


def test_rows_have_ids_and_splits_and_the_manifest_their_files(work: HubWorkspace) -> None:
    work.divide(range(0, 70), range(75, 95))
    manifest = work.fetch()
    rows = work.rows()
    assert [row["row_id"] for row in rows[68:72]] == ["train-00068", "train-00069", "train-00075", "train-00076"]
    assert rows[-1] == {
        **{"row_id": "test-00029", "text": "text 129", "label": "label 0"},
        **{"date": None, "product": None, "source_split": "test"},
    }
    assert all(row["text"] == f"text {int(row['row_id'][-5:])}" for row in rows if row["row_id"].startswith("train-"))
    assert Counter(row["source_split"] for row in rows) == {"train": 70, "validation": 20, "test": 30}
    assert (manifest["dataset"], manifest["revision"]) == ("lab/complaints", COMMIT)
    assert (manifest["rows_read"], manifest["rows_kept"]) == (130, 120)
    assert manifest["left_out"] == {"in neither index file": 10}
    hub_files = {name: content for name, content in work.hub.files.items() if name != "README.md"}
    assert {entry["name"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]} == {
        name: (len(content), sha256(content)) for name, content in (hub_files | work.hub.pages).items()
    }
    assert [entry["rows"] for entry in manifest["files"]] == [60, 40, 30, 70, 20]


def test_second_run_requests_nothing_and_writes_the_same_bytes(work: HubWorkspace) -> None:
    work.divide(range(0, 70), range(75, 95))
    work.fetch()
    before = work.outputs()
    work.hub.requests.clear()
    work.fetch()
    assert not work.hub.requests_for(work.hub.repo)
    assert not work.hub.requests_for("pages")
    assert work.outputs() == before


def test_without_index_files_the_splits_are_those_of_the_hub(work: HubWorkspace) -> None:
    manifest = work.fetch()
    assert Counter(row["source_split"] for row in work.rows()) == {"train": 100, "test": 30}
    assert manifest["left_out"] == {}


def test_no_temporary_file_is_left(work: HubWorkspace) -> None:
    work.fetch()
    assert [path for path in Path("scratch").rglob("*") if path.is_file()] == []
    assert not work.hub.requests_for("README.md")


def test_ids_dates_and_products_are_read_from_their_columns(work: HubWorkspace) -> None:
    work.hub.files = {
        "all.parquet": parquet(
            Issue=["Fees", " ", None],
            Consumer_Complaint=["one", None, "three"],
            Id=pa.array([7, 5, 6]),
            Date=pa.array([date(2020, 1, 2), None, date(2021, 3, 4)]),
            Product=["Loan", "", "Card"],
        )
    }
    work.description["files"] = {"train": "*.parquet"}
    work.description["columns"] |= {"id": "Id", "date": "Date", "product": "Product"}
    work.fetch()
    assert [list(row.values())[:5] for row in work.rows()] == [
        ["7", "one", "Fees", date(2020, 1, 2), "Loan"],
        ["5", "", None, None, None],
        ["6", "three", None, date(2021, 3, 4), "Card"],
    ]
    work.hub.commit = work.description["revision"] = OTHER_COMMIT
    work.hub.files = {"all.parquet": parquet(Issue=["a", "b"], Consumer_Complaint=["c", "d"], Id=pa.array([7, 7]))}
    work.description["columns"] |= {"date": None, "product": None}
    assert "the id '7' occurs 2 times" in work.refusal()


WRONG_FILES = {
    "renamed column": (
        parquet(issue=["a"], Consumer_Complaint=["b"]),
        "has no column 'Issue' (columns.label of the description); it has: 'issue', 'Consumer Complaint'",
    ),
    "labels as fractions": (
        parquet(Issue=[1.0], Consumer_Complaint=["b"]),
        "column 'Issue' holds double, not strings, integers or booleans, so it cannot be the label",
    ),
    "texts as lists": (parquet(Issue=["a"], Consumer_Complaint=[["b"]]), "'Consumer Complaint' holds list<"),
    "invalid UTF-8": (
        parquet(Issue=["a"], Consumer_Complaint=["bcd"]).replace(b"bcd", b"b\xffd"),
        "split train, row 61: column 'Consumer Complaint' is not valid UTF-8",
    ),
    "a NUL": (parquet(Issue=["a"], Consumer_Complaint=["b\0"]), "split train, row 61: a NUL character in the text"),
    "no Parquet": (b"<html>hello</html>", "cannot be read as Parquet"),
    "half a file": (complaints_file(range(50))[:400], "cannot be read as Parquet"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_content_that_is_not_complaints_is_refused_by_name(work: HubWorkspace, case: str) -> None:
    """The content is in the second of two files, so a check of the first file only would miss it."""
    content, message = WRONG_FILES[case]
    work.hub.files["data/train-00001-of-00002-bb.parquet"] = content
    refusal = work.refusal()
    assert refusal.startswith("lab/complaints@0123456789ab")
    assert message in refusal


def test_data_of_the_canonical_size_has_the_published_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Input of 64,292 and 21,439 rows becomes 57,846 / 6,430 / 21,432 rows in 113 classes, as published."""
    monkeypatch.setattr(profiles, "FOLDER", ROOT / "profiles")
    label_map = load_map(ROOT / "data/label_map.yaml")
    listed = [*label_map.classes, *label_map.merges]

    def content(rows: int, unlisted: range) -> bytes:
        names = [listed[i % len(listed)] if i not in unlisted else "An issue of no class" for i in range(rows)]
        return parquet(Issue=names, Consumer_Complaint=[f"text {i}" for i in range(rows)])

    aside = range(1000, 1016)
    inside = [i for i in range(64_292) if i not in aside]
    validation = inside[::9][:6430]
    train = sorted(set(inside) - set(validation))
    files = {
        "data/train-00000-of-00001-aa.parquet": content(64_292, aside),
        "data/test-00000-of-00001-bb.parquet": content(21_439, range(50, 57)),
    }
    with serve(Hub("lab/complaints", COMMIT, files)) as hub:
        work = HubWorkspace(tmp_path, monkeypatch, hub)
        work.divide(train, validation)
        manifest = work.fetch()
    assert (manifest["rows_read"], manifest["rows_kept"]) == (85_731, 85_715)
    assert manifest["left_out"] == {"in neither index file": 16}
    raw = "data/raw/complaints.parquet"
    counts = merge.count(parquet_batches(raw, ["text", "label", "product"]))
    classes = merge.choose(counts, label_map, 5, profiles.read("canonical")["merge_labels.only_listed"])
    write_parquet("labeled.parquet", LABELED_SCHEMA, merge.labeled(parquet_batches(raw), classes.ids))
    split = params.parse(read_yaml(ROOT / "params.yaml")).split
    rows = methods.read_rows("labeled.parquet")
    report = split_report.summarise(rows, methods.canonical(rows, split), classes.names, "canonical")
    expected = profiles.read("canonical")["split.expected"]
    assert expected == {"train": 57_846, "validation": 6430, "test": 21_432, "classes": 113}
    split_report.check_expected(report, expected, len(classes.names))
    assert {name: report[name]["rows"] for name in SPLITS} | {"classes": len(classes.names)} == expected
