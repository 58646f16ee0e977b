"""The CFPB's files are found, joined on the complaint id, and every row that is left out is accounted for."""

import itertools
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archive_server import (
    ARCHIVE_PAGE,
    OLD_HEADER,
    PAGE,
    PARTS,
    STRUCTURED,
    File,
    Row,
    Site,
    part_csv,
    serve,
    structured_csv,
    zipped,
)
from support.paths import ROOT

from complaints import params
from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources import download as download_module
from complaints.sources import fetch as sources_fetch
from complaints.sources.cfpb import files
from complaints.sources.cfpb.files import archive_links
from complaints.sources.cfpb.join import LEFT_OUT, Report, read_batches
from complaints.sources.params import CfpbParams

EVERYTHING = CfpbParams(None, None, None)


def describe(folder: Path, complaints: str, narratives: str | None, pinned: Any = None) -> Path:
    # JSON is YAML.
    path = folder / "cfpb.yaml"
    path.write_text(json.dumps({"complaints": complaints, "narratives": narratives, "pinned": pinned}))
    return path


def local(folder: Path, rows: Iterable[Row], *parts: Iterable[tuple[str, str]]) -> Path:
    """Write files of the layout into a folder and return their description."""
    (folder / "complaints.csv.zip").write_bytes(zipped(structured_csv(rows)))
    for number, part in enumerate(parts, start=1):
        (folder / f"CCDB_Export_{number}_x.zip").write_bytes(zipped(part_csv(part)))
    return describe(folder, str(folder / "complaints.csv.zip"), str(folder))


def read(description: Path, filters: CfpbParams = EVERYTHING) -> tuple[list[dict[str, Any]], Report]:
    report = Report()
    batches = list(read_batches(description, filters, report))
    for batch in batches:
        assert batch.schema == RAW_SCHEMA
        batch.validate(full=True)
    return pa.Table.from_batches(batches, RAW_SCHEMA).to_pylist(), report


def reasons(report: Report) -> dict[str, int]:
    return {reason: rows for reason, rows in report.left_out.items() if rows}


def refusal(description: Path, filters: CfpbParams = EVERYTHING) -> str:
    with pytest.raises(UserError) as caught:
        read(description, filters)
    assert "\n" not in str(caught.value)
    return str(caught.value)


ROWS: list[Row] = [
    ("30", "2021-03-01", "Mortgage", "Closing"),
    ("10", "2019-05-06", "Debt collection", "Not my debt"),
    ("20", "2021-03-02", "Debt collection", ""),
    ("40", "2022-01-01", "Mortgage", "Closing"),
]


class TestJoin:
    def test_rows_carry_what_the_structured_file_says_in_the_order_of_the_narratives(self, tmp_path: Path) -> None:
        parts = [[("40", 'He said "no",\r\ntwice – €')], [("10", "text ten"), (" 020\t", " text twenty ")]]
        rows, report = read(local(tmp_path, ROWS, *parts))
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

    def test_every_narrative_left_out_is_counted_under_its_first_reason(self, tmp_path: Path) -> None:
        parts = [
            [("", "no id"), ("x7", "no number"), ("99", "unknown"), ("98", ""), ("10", "too early"), ("20", "debt")],
            [("40", " \n"), ("40", "kept"), ("40", "kept"), ("40", "other"), ("30", "kept too")],
            [("40", "kept"), ("30", "again"), ("40", "")],
        ]
        filters = CfpbParams("2021-01-01", None, ("Mortgage",))
        rows, report = read(local(tmp_path, ROWS, *parts), filters)
        assert [(row["row_id"], row["text"]) for row in rows] == [("40", "kept"), ("30", "kept too")]
        assert report.left_out == dict(zip(LEFT_OUT, [2, 2, 1, 1, 2, 2, 2], strict=True))
        assert report.structured == {
            "rows": 4,
            "kept": 2,
            "left_out": {"id is no number": 0, "id repeated": 0, "outside the dates": 1, "another product": 1},
            "unreadable_dates": 0,
            "kept_without_narrative": 0,
        }

    def test_structured_rows_without_a_usable_id_are_counted_and_the_first_of_an_id_holds(self, tmp_path: Path) -> None:
        again = [("40", "2015-01-01", "Loan", "Late")] * 100
        unusable = [("", "2021-01-01", "Loan", "Late"), ("4e1", "2021-01-01", "Loan", "Late")]
        rows, report = read(local(tmp_path, [*ROWS, *again, *unusable], [("40", "text")]))
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
    def test_both_ends_of_the_window_belong_to_it_and_no_date_lies_in_none(
        self, tmp_path: Path, date_from: str | None, date_to: str | None, kept: list[str]
    ) -> None:
        rows = [*ROWS, ("50", "2021-02-30", "Mortgage", "Closing")]
        description = local(tmp_path, rows, [(row[0], "text") for row in rows])
        found, report = read(description, CfpbParams(date_from, date_to, None))
        assert [row["row_id"] for row in found] == kept
        assert report.structured["unreadable_dates"] == 1
        assert [row["date"] for row in found if row["row_id"] == "50"] == ([None] if "50" in kept else [])

    def test_an_export_with_narratives_of_its_own_gives_the_same_rows(self, tmp_path: Path) -> None:
        """Exports from before September 2026 leave the narrative blank where there is no consent."""
        american = [(i, f"{d[5:7]}/{d[8:]}/{d[:4]}", p, issue) for i, d, p, issue in ROWS]
        narratives = {"Consumer_complaint_narrative": ["thirty", "", "twenty", "forty"]}
        (tmp_path / "old.csv").write_text(structured_csv(american, OLD_HEADER, **narratives))
        old, report = read(describe(tmp_path, str(tmp_path / "old.csv"), None))
        new, _ = read(local(tmp_path, ROWS, [("30", "thirty"), ("20", "twenty"), ("40", "forty")]))
        assert old == new
        assert reasons(report) == {"blank narrative": 1}
        assert [(file["name"], file["rows"]) for file in report.files] == [("old.csv", 4)]

    def test_bytes_do_not_depend_on_how_narratives_are_cut_into_files(self, tmp_path: Path) -> None:
        rows = [(str(i), "2021-01-01", "Mortgage", f"issue {i % 7}") for i in range(3000)]
        texts = [(str(i), f"text {i} " * (i % 400)) for i in range(1, 3000)]
        written = []
        for name, cuts in {"one": [0, 3000], "three": [0, 700, 1500, 3000]}.items():
            (tmp_path / name).mkdir()
            description = local(tmp_path / name, rows, *(texts[a:b] for a, b in itertools.pairwise(cuts)))
            fetch(description, tmp_path / name / "raw")
            written.append((tmp_path / name / "raw/complaints.parquet").read_bytes())
        assert written[0] == written[1]


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
def test_the_join_is_that_of_pandas_and_the_accounts_balance(
    structured: list[Row],
    narratives: list[tuple[str, str]],
    cut: int,
    date_from: str | None,
    products: tuple[str, ...] | None,
) -> None:
    # One complaint that every filter wants, so that there is always something to join.
    structured = [("9", "2022-01-01", "Loan", "Fees"), ("8", "2022-01-01", "Card", "Fees"), *structured]
    narratives = [("9", "nine"), *narratives]
    with tempfile.TemporaryDirectory() as folder:
        description = local(Path(folder), structured, narratives[:cut], narratives[cut:])
        rows, report = read(description, CfpbParams(date_from, None, products))
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


def fetch(description: Path, out: Path, filters: CfpbParams = EVERYTHING) -> dict[str, Any]:
    committed = params.parse(read_yaml(ROOT / "params.yaml")).fetch
    return sources_fetch.fetch(replace(committed, source="cfpb", path=str(description), cfpb=filters), out)


class TestArchive:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(download_module, "BACKOFF_SECONDS", 0.0)

    @pytest.fixture
    def site(self) -> Iterator[Site]:
        with serve() as site:
            site.files[PAGE] = File(ARCHIVE_PAGE.replace("{origin}", site.origin).encode())
            site.files[STRUCTURED] = File(zipped(structured_csv(ROWS), zip64=True))
            for path, number in PARTS.items():
                text = part_csv([(str({1: 10, 2: 20, 10: 30}[number]), f"part {number}")])
                site.files[path] = File(zipped(text, "../../" + path, zip64=True))
            yield site

    @staticmethod
    def description(site: Site, pinned: Any = None) -> Path:
        return describe(Path(), site.origin + STRUCTURED, site.origin + PAGE, pinned)

    def test_links_are_taken_by_number_once_and_nothing_else(self, site: Site) -> None:
        base = "https://www.example.gov/foia/archive/"
        assert archive_links(ARCHIVE_PAGE.replace("{origin}", "https://files.example.gov"), base) == [
            base + "CCDB_Export_1_2015.zip",
            base + "CCDB_Export_2_2016-2017.zip",
            "https://files.example.gov/foia/archive/CCDB_Export_10_2026.zip?v=1&x=2",
        ]

    def test_a_fetch_writes_the_rows_and_a_manifest_with_addresses_and_digests(self, site: Site) -> None:
        manifest = fetch(self.description(site), Path("raw"))
        table = pq.read_table("raw/complaints.parquet")
        assert table["text"].to_pylist() == ["part 1", "part 2", "part 10"]
        assert table["row_id"].to_pylist() == ["10", "20", "30"]
        assert json.loads(Path("raw/source.json").read_text()) == manifest
        assert (manifest["rows_read"], manifest["rows_kept"], manifest["source"]) == (3, 3, "cfpb")
        assert manifest["structured"]["rows"] == 4
        paths = [file["address"].removeprefix(site.origin).partition("?")[0] for file in manifest["files"]]
        assert paths == [STRUCTURED, *PARTS]
        assert [file["bytes"] for file in manifest["files"]] == [len(site.files[path].body) for path in paths]

    def test_a_second_fetch_needs_no_network_and_writes_the_same(self, site: Site) -> None:
        first = fetch(self.description(site), Path("raw"))
        asked = len(site.requests)
        assert fetch(self.description(site), Path("raw")) == first
        assert len(site.requests) == asked == 5

    def test_a_page_without_links_is_refused_and_asked_for_again(self, site: Site) -> None:
        page = site.files[PAGE]
        site.files[PAGE] = File(b"<html><body>Under maintenance <a href='http://[x'>?</a></body></html>")
        assert "has no file named CCDB_Export_<number>_*.zip" in refusal(self.description(site))
        site.files[PAGE] = page
        assert len(read(self.description(site))[0]) == 3

    def test_a_broken_file_is_named_with_its_address(self, site: Site) -> None:
        path = next(iter(PARTS))
        site.files[path].body = site.files[path].body[:-30]
        message = refusal(self.description(site))
        assert "CCDB_Export_1_2015.zip cannot be read" in message
        assert f"it is from {site.origin}{path}; delete it to download it again" in message

    def test_a_pinned_file_must_be_what_the_pin_says(self, site: Site) -> None:
        manifest = fetch(self.description(site), Path("raw"))
        pins = {file["name"]: {"bytes": file["bytes"], "sha256": file["sha256"]} for file in manifest["files"]}
        assert fetch(self.description(site, pins), Path("raw")) == manifest
        pins["complaints.csv.zip"]["sha256"] = "0" * 64
        assert "complaints.csv.zip is not the pinned file" in refusal(self.description(site, pins))

    def test_a_pin_of_a_file_that_is_not_there_is_refused(self, site: Site) -> None:
        pins = {"complaint.csv.zip": {"bytes": 1, "sha256": "0" * 64}}
        assert "'complaint.csv.zip' is pinned, but there is no such file" in refusal(self.description(site, pins))

    def test_a_file_that_is_not_the_one_of_the_last_manifest_is_warned_of_once(
        self, site: Site, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fetch(self.description(site), Path("data/raw"))
        fetch(self.description(site), Path("data/raw"))
        assert "warning" not in capsys.readouterr().err
        Path("scratch/downloads").rename("scratch/old")
        site.files[STRUCTURED].body = zipped(structured_csv(reversed(ROWS)))
        fetch(self.description(site), Path("data/raw"))
        line = f"warning: {site.origin}{STRUCTURED} is not what the last data/raw/source.json names"
        assert capsys.readouterr().err.count(line) == 1

    def test_without_a_server_the_error_is_one_line(self) -> None:
        with serve() as site:
            pass
        assert "no connection to the server" in refusal(self.description(site))


NARRATIVES = [("30", "text")]


class TestRefusals:
    def test_columns_that_are_missing_are_named_with_those_there(self, tmp_path: Path) -> None:
        description = local(tmp_path, ROWS, NARRATIVES)
        (tmp_path / "CCDB_Export_1_x.zip").write_bytes(zipped("Complaint ID,Narrative\n1,x\n"))
        message = refusal(description)
        assert "CCDB_Export_1_x.zip has no columns called 'Consumer complaint narrative'" in message
        assert "it has: 'Complaint ID', 'Narrative'" in message

    def test_an_export_of_today_without_narratives_says_where_they_are(self, tmp_path: Path) -> None:
        local(tmp_path, ROWS)
        message = refusal(describe(tmp_path, str(tmp_path / "complaints.csv.zip"), None))
        assert "exports since September 2026 have no narratives; name the archive under `narratives`" in message

    def test_a_product_that_no_complaint_is_about_is_refused_with_a_guess(self, tmp_path: Path) -> None:
        message = refusal(local(tmp_path, ROWS, NARRATIVES), CfpbParams(None, None, ("Mortgages",)))
        assert "is about 'Mortgages'; did you mean 'Mortgage'?" in message

    def test_nothing_left_is_refused_with_the_reasons(self, tmp_path: Path) -> None:
        message = refusal(local(tmp_path, ROWS, NARRATIVES), CfpbParams("2025-01-01", None, None))
        assert "no complaint is left of 1 narratives (1 outside the dates)" in message

    def test_a_folder_without_parts_is_refused(self, tmp_path: Path) -> None:
        assert "has no file named CCDB_Export_<number>_*.zip" in refusal(local(tmp_path, ROWS))

    def test_files_without_rows_or_ids_are_refused(self, tmp_path: Path) -> None:
        assert "complaints.csv.zip has no rows" in refusal(local(tmp_path, [], NARRATIVES))
        assert "no 'Complaint ID' is a number" in refusal(local(tmp_path, [("x", "", "", "")], NARRATIVES))

    def test_a_zip_of_two_files_is_refused(self, tmp_path: Path) -> None:
        description = local(tmp_path, ROWS, NARRATIVES)
        with zipfile.ZipFile(tmp_path / "CCDB_Export_1_x.zip", "a") as archive:
            archive.writestr("more.csv", part_csv(NARRATIVES))
        assert "holds 2 files" in refusal(description)

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        assert "gone.csv does not exist; correct it in the description" in refusal(
            describe(tmp_path, str(tmp_path / "gone.csv"), None)
        )

    def test_a_file_that_changes_while_it_is_read_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        description = local(tmp_path, ROWS, NARRATIVES)
        csv_chunks = files.csv_chunks

        def read_and_change(path: Path, *rest: Any) -> Any:
            yield from csv_chunks(path, *rest)
            path.write_bytes(path.read_bytes() + b"\n")

        monkeypatch.setattr(files, "csv_chunks", read_and_change)
        assert "complaints.csv.zip changed while it was being read" in refusal(description)

    @pytest.mark.parametrize(
        ("text", "fragment"),
        [
            ("complaints: a.csv\nnarratives: null\n", "cfpb.yaml: pinned is missing"),
            ("complaints: a.csv\nnarrative: null\npinned: null\n", "unknown key narrative; did you mean 'narratives'"),
            ("complaints: 3\nnarratives: null\npinned: null\n", "complaints is 3; it must be of type str"),
            ("complaints: a.csv\nnarratives: null\npinned: {a: {bytes: 1}}\n", "pinned.a.sha256 is missing"),
            ("complaints: [\n", "cfpb.yaml, line 2"),
        ],
    )
    def test_a_wrong_description_names_the_key(self, tmp_path: Path, text: str, fragment: str) -> None:
        (tmp_path / "cfpb.yaml").write_text(text)
        message = refusal(tmp_path / "cfpb.yaml")
        assert fragment in message
        assert "params" not in message


def test_the_committed_description_and_profile_are_valid() -> None:
    description = files.read_description(ROOT / "data/sources/cfpb.yaml")
    assert description.narratives is not None
    profile = read_yaml(ROOT / "profiles/cfpb.yaml")
    assert profile["fetch"]["path"] == "data/sources/cfpb.yaml"
