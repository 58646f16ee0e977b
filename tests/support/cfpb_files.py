"""Files in the CFPB's layout: the structured file, the archive of narratives, its page, and a description of them."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from complaints.core.errors import UserError
from complaints.core.paths import DOWNLOADS
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.cfpb.join import Report, read_batches
from complaints.sources.params import CfpbParams
from support.fetching import fetch_params, filters, run_fetch

PAGE = "/foia/archive/"
STRUCTURED = "/ccdb/complaints.csv.zip"

ARCHIVE_PAGE = """<!doctype html>
<html><head><title>CFPB Consumer Complaint Database narratives archive</title>
<link rel="stylesheet" href="/static/CCDB_Export_0_style.zip.css"></head><body>
<a href="/">Home</a> <a name="top">Top</a> <a href="mailto:foia@example.org">Write</a>
<!-- <a href="/foia/archive/CCDB_Export_4_old.zip">gone</a> -->
<p>Narratives published through 2026-08-14&nbsp;&ndash; <a href="readme.pdf">about these files</a></p><ul>
<li><a class="a-link" href="{origin}/foia/archive/CCDB_Export_10_2026.zip?v=1&amp;x=2">Part&nbsp;10</a></li>
<li><a href="CCDB_Export_2_2016&#45;2017.zip">Part 2</a> <a href="CCDB_Export_2_2016-2017.zip#again">Part 2</a></li>
<li><A HREF='/foia/archive/CCDB_Export_1_2015.zip'>Part 1</A></li></ul>
<a href="/foia/archive/CCDB_Export_dictionary.zip">Dictionary</a>
</body></html>
"""
ARCHIVE_FILES = {
    "/foia/archive/CCDB_Export_1_2015.zip": 1,
    "/foia/archive/CCDB_Export_2_2016-2017.zip": 2,
    "/foia/archive/CCDB_Export_10_2026.zip": 10,
}
"""Path -> number of the file."""

HEADER = [
    "Date received", "Product", "Sub-product", "Issue", "Sub-issue", "Company public response", "Company", "State",
    "ZIP code", "Tags", "Consumer consent provided?", "Submitted via", "Date sent to company",
    "Company response to consumer", "Timely response?", "Consumer disputed?", "Complaint ID",
]  # fmt: skip
OLD_HEADER = [*HEADER[:5], "Consumer complaint narrative", *HEADER[5:]]
NARRATIVES_HEADER = ["Complaint ID", "Consumer complaint narrative"]

Complaint = tuple[str, str, str, str]
"""Complaint ID, date, product, issue."""
Narrative = tuple[str, str]
"""Complaint ID, narrative."""

COMPLAINTS: list[Complaint] = [
    ("30", "2021-03-01", "Mortgage", "Closing"),
    ("10", "2019-05-06", "Debt collection", "Not my debt"),
    ("20", "2021-03-02", "Debt collection", ""),
    ("40", "2022-01-01", "Mortgage", "Closing"),
]


def csv_text(header: list[str], rows: Iterable[dict[str, str]]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, header, restval="N/A")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def structured_csv(complaints: Iterable[Complaint], header: list[str] = HEADER, **more: list[str]) -> str:
    named = [dict(zip(["Complaint ID", "Date received", "Product", "Issue"], row, strict=True)) for row in complaints]
    for name, values in more.items():
        for row, value in zip(named, values, strict=True):
            row[name.replace("_", " ")] = value
    return csv_text(header, named)


def narratives_csv(narratives: Iterable[Narrative]) -> str:
    return csv_text(NARRATIVES_HEADER, (dict(zip(NARRATIVES_HEADER, row, strict=True)) for row in narratives))


def zipped(text: str, name: str = "export.csv", zip64: bool = False) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=zip64) as member,
    ):
        member.write(text.encode())
    return stream.getvalue()


def write_description(folder: Path, complaints: str, narratives: str | None, pinned: Any = None) -> Path:
    # JSON is YAML.
    path = folder / "cfpb.yaml"
    path.write_text(json.dumps({"complaints": complaints, "narratives": narratives, "pinned": pinned}))
    return path


def write_files(folder: Path, complaints: Iterable[Complaint], *archive: Iterable[Narrative]) -> Path:
    """Write the structured file and the archive's files into a folder, and return the path of their description."""
    (folder / "complaints.csv.zip").write_bytes(zipped(structured_csv(complaints)))
    for number, narratives in enumerate(archive, start=1):
        (folder / f"CCDB_Export_{number}_x.zip").write_bytes(zipped(narratives_csv(narratives)))
    return write_description(folder, str(folder / "complaints.csv.zip"), str(folder))


def read(description: Path, wanted: CfpbParams | None = None) -> tuple[list[dict[str, Any]], Report]:
    """Return the rows that the filters keep (all, without filters), and the report."""
    report = Report()
    batches = list(read_batches(description, wanted or filters(), DOWNLOADS, report))
    for batch in batches:
        assert batch.schema == RAW_SCHEMA
        batch.validate(full=True)
    return pa.Table.from_batches(batches, RAW_SCHEMA).to_pylist(), report


def reasons(report: Report) -> dict[str, int]:
    return {reason: rows for reason, rows in report.left_out.items() if rows}


def refusal(description: Path, wanted: CfpbParams | None = None) -> str:
    """Return the message with which the files are refused, in one line."""
    with pytest.raises(UserError) as caught:
        read(description, wanted)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fetch(description: Path, out: Path) -> dict[str, Any]:
    """Run fetch on the files, and return the manifest."""
    return run_fetch(fetch_params(description, source="cfpb"), out)
