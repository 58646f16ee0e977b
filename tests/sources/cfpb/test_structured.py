"""A structured file without usable rows, and a filter that no row can pass, are refused."""

from pathlib import Path

from support.cfpb_files import COMPLAINTS, refusal, write_files
from support.fetching import filters

NARRATIVES = [("30", "text")]


def test_a_product_that_no_complaint_is_about_is_refused_with_a_guess(tmp_path: Path) -> None:
    message = refusal(write_files(tmp_path, COMPLAINTS, NARRATIVES), filters(products=("Mortgages",)))
    assert "is about 'Mortgages'; did you mean 'Mortgage'?" in message


def test_files_without_rows_or_ids_are_refused(tmp_path: Path) -> None:
    assert "complaints.csv.zip has no rows" in refusal(write_files(tmp_path, [], NARRATIVES))
    assert "no 'Complaint ID' is a number" in refusal(write_files(tmp_path, [("x", "", "", "")], NARRATIVES))
