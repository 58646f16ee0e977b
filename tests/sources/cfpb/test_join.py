"""Narratives are joined with the structured file on the complaint id, and every row left out is counted."""

import itertools
import tempfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cfpb_files import (
    COMPLAINTS,
    OLD_HEADER,
    Complaint,
    fetch,
    read,
    reasons,
    refusal,
    structured_csv,
    write_description,
    write_files,
)
from support.fetching import filters

from complaints.sources.cfpb.join import LEFT_OUT


def test_rows_have_the_columns_of_the_structured_file_in_the_order_of_the_narratives(tmp_path: Path) -> None:
    parts = [[("40", 'He said "no",\r\ntwice – €')], [("10", "text ten"), (" 020\t", " text twenty ")]]
    rows, report = read(write_files(tmp_path, COMPLAINTS, *parts))
    assert [tuple(row.values()) for row in rows] == [
        ("40", 'He said "no",\r\ntwice – €', "Closing", date(2022, 1, 1), "Mortgage", None),
        ("10", "text ten", "Not my debt", date(2019, 5, 6), "Debt collection", None),
        ("20", " text twenty ", None, date(2021, 3, 2), "Debt collection", None),
    ]
    assert reasons(report) == {}
    assert report.structured["kept_without_narrative"] == 1
    assert [(file["name"], file["rows"]) for file in report.files] == [
        ("complaints.csv.zip", 4),
        ("CCDB_Export_1_x.zip", 1),
        ("CCDB_Export_2_x.zip", 2),
    ]


def test_every_narrative_left_out_is_counted_under_its_first_reason(tmp_path: Path) -> None:
    parts = [
        [("", "no id"), ("x7", "no number"), ("99", "unknown"), ("98", ""), ("10", "too early"), ("20", "debt")],
        [("40", " \n"), ("40", "kept"), ("40", "kept"), ("40", "other"), ("30", "kept too")],
        [("40", "kept"), ("30", "again"), ("40", "")],
    ]
    wanted = filters(date_from="2021-01-01", products=("Mortgage",))
    rows, report = read(write_files(tmp_path, COMPLAINTS, *parts), wanted)
    assert [(row["row_id"], row["text"]) for row in rows] == [("40", "kept"), ("30", "kept too")]
    assert report.left_out == dict(zip(LEFT_OUT, [2, 2, 1, 1, 2, 2, 2], strict=True))
    assert report.structured == {
        "rows": 4,
        "kept": 2,
        "left_out": {"id is no number": 0, "id repeated": 0, "outside the dates": 1, "another product": 1},
        "unreadable_dates": 0,
        "kept_without_narrative": 0,
    }


def test_structured_rows_without_a_valid_id_are_counted_and_the_first_row_of_an_id_holds(tmp_path: Path) -> None:
    again = [("40", "2015-01-01", "Loan", "Late")] * 100
    unusable = [("", "2021-01-01", "Loan", "Late"), ("4e1", "2021-01-01", "Loan", "Late")]
    rows, report = read(write_files(tmp_path, [*COMPLAINTS, *again, *unusable], [("40", "text")]))
    assert rows[0]["label"] == "Closing"
    counts = report.structured["left_out"]
    assert (counts["id repeated"], counts["id is no number"]) == (100, 2)


@pytest.mark.parametrize(
    ("date_from", "date_to", "kept"),
    [
        ("2021-03-01", "2021-03-02", ["30", "20"]),
        ("2021-03-02", None, ["20", "40"]),
        (None, "2021-03-01", ["30", "10"]),
        (None, None, ["30", "10", "20", "40", "50"]),
    ],
)
def test_the_window_includes_both_ends_and_excludes_missing_dates(
    tmp_path: Path, date_from: str | None, date_to: str | None, kept: list[str]
) -> None:
    rows = [*COMPLAINTS, ("50", "2021-02-30", "Mortgage", "Closing")]
    description = write_files(tmp_path, rows, [(row[0], "text") for row in rows])
    found, report = read(description, filters(date_from=date_from, date_to=date_to))
    assert [row["row_id"] for row in found] == kept
    assert report.structured["unreadable_dates"] == 1
    assert [row["date"] for row in found if row["row_id"] == "50"] == ([None] if "50" in kept else [])


def test_an_old_export_with_narratives_yields_the_same_rows(tmp_path: Path) -> None:
    """Exports from before September 2026 leave the narrative blank without consent."""
    american = [(i, f"{d[5:7]}/{d[8:]}/{d[:4]}", p, issue) for i, d, p, issue in COMPLAINTS]
    narratives = {"Consumer_complaint_narrative": ["thirty", "", "twenty", "forty"]}
    (tmp_path / "old.csv").write_text(structured_csv(american, OLD_HEADER, **narratives))
    old, report = read(write_description(tmp_path, str(tmp_path / "old.csv"), None))
    new, _ = read(write_files(tmp_path, COMPLAINTS, [("30", "thirty"), ("20", "twenty"), ("40", "forty")]))
    assert old == new
    assert reasons(report) == {"blank narrative": 1}
    assert [(file["name"], file["rows"]) for file in report.files] == [("old.csv", 4)]


def test_output_bytes_do_not_depend_on_the_division_of_narratives_into_files(tmp_path: Path) -> None:
    rows = [(str(i), "2021-01-01", "Mortgage", f"issue {i % 7}") for i in range(3000)]
    texts = [(str(i), f"text {i} " * (i % 400)) for i in range(1, 3000)]
    written = []
    for name, cuts in {"one": [0, 3000], "three": [0, 700, 1500, 3000]}.items():
        (tmp_path / name).mkdir()
        description = write_files(tmp_path / name, rows, *(texts[a:b] for a, b in itertools.pairwise(cuts)))
        fetch(description, tmp_path / name / "raw")
        written.append((tmp_path / name / "raw/complaints.parquet").read_bytes())
    assert written[0] == written[1]


def test_an_export_without_narratives_is_refused_with_a_pointer_to_the_archive(tmp_path: Path) -> None:
    write_files(tmp_path, COMPLAINTS)
    message = refusal(write_description(tmp_path, str(tmp_path / "complaints.csv.zip"), None))
    assert "exports since September 2026 have no narratives; name the archive under `narratives`" in message


def test_filters_that_leave_nothing_are_refused_with_the_reasons(tmp_path: Path) -> None:
    message = refusal(write_files(tmp_path, COMPLAINTS, [("30", "text")]), filters(date_from="2025-01-01"))
    assert "no complaint is left of 1 narratives (1 outside the dates)" in message


IDS = st.sampled_from(["1", "2", "3", "4", "5", "6", "", "?"])
DATES = st.sampled_from(["2020-01-01", "2021-06-15", "2022-12-31", "soon", ""])
PRODUCTS = st.sampled_from(["Loan", "Card", ""])
TEXTS = st.sampled_from(["a", "b", "c\n\n'd', \"e\"", "", "  "])


@settings(max_examples=60)
@given(
    structured=st.lists(st.tuples(IDS, DATES, PRODUCTS, st.sampled_from(["Fees", "Closing", ""])), max_size=12),
    narratives=st.lists(st.tuples(IDS, TEXTS), max_size=12),
    cut=st.integers(0, 12),
    date_from=st.sampled_from([None, "2021-01-01"]),
    products=st.sampled_from([None, ("Loan",), ("Card", "Loan")]),
)
def test_the_join_equals_that_of_pandas_and_its_counts_add_up(
    structured: list[Complaint],
    narratives: list[tuple[str, str]],
    cut: int,
    date_from: str | None,
    products: tuple[str, ...] | None,
) -> None:
    # One complaint that every filter wants, so that there is always something to join.
    structured = [("9", "2022-01-01", "Loan", "Fees"), ("8", "2022-01-01", "Card", "Fees"), *structured]
    narratives = [("9", "nine"), *narratives]
    with tempfile.TemporaryDirectory() as folder:
        description = write_files(Path(folder), structured, narratives[:cut], narratives[cut:])
        rows, report = read(description, filters(date_from=date_from, products=products))
    left = pd.DataFrame(narratives, columns=["id", "text"])
    right = pd.DataFrame(structured, columns=["id", "date", "product", "issue"])
    right = right[right["id"].str.isdecimal()].drop_duplicates("id")
    right["date"] = pd.to_datetime(right["date"], errors="coerce", format="%Y-%m-%d")
    if date_from is not None:
        right = right[right["date"] >= date_from]
    if products is not None:
        right = right[right["product"].isin(products)]
    naive = left[left["text"].str.strip() != ""].merge(right, on="id").drop_duplicates("id")
    expected = [
        (row.id, row.text, row.issue or None, None if pd.isna(row.date) else row.date.date(), row.product or None, None)
        for row in naive.itertuples()
    ]
    assert [tuple(row.values()) for row in rows] == expected
    assert len(rows) + sum(report.left_out.values()) == len(narratives)
    counts = report.structured
    assert counts["kept"] + sum(counts["left_out"].values()) == counts["rows"] == len(structured)
    assert counts["kept_without_narrative"] == counts["kept"] - len(rows)
