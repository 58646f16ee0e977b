"""CSV files whose texts no spreadsheet runs, and whose texts are read back as they were."""

import csv
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from complaints.core.csv_files import escape_formula, escape_formulas, read_csv, unescape_formula, write_csv
from complaints.core.errors import UserError

FORMULAS = [
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "=", "-", "+", "@", "-x", "--5", "+1-800-555"),
    *("=HYPERLINK(A1)", "-2+3+cmd|' /C calc'!A0", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a", "'=1", "''=1"),
    *("\t", "\r", "\n"),
]  # fmt: skip
PLAIN = ["Fees", "", " ", "a=b", "'", "'Fees'", "''", "-5", "+5", "-1.5e-3", "'-5", "5-4", "Late fee - card"]
TEXT = st.text("'=+-@\t\r\n\uff1d .5e,\";a", max_size=8) | st.text(st.characters(codec="utf-8"), max_size=8)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_begins_like_a_formula_is_written_after_an_apostrophe(text: str) -> None:
    assert escape_formula(text) == f"'{text}"
    assert unescape_formula(f"'{text}") == text


@pytest.mark.parametrize("cell", [*PLAIN, -5, -0.5, None, date(2021, 1, 2), True])
def test_numbers_and_other_texts_are_unchanged(cell: object) -> None:
    assert escape_formula(cell) is cell


@given(TEXT)
def test_an_escaped_text_is_restored_and_is_no_formula(text: str) -> None:
    escaped = escape_formula(text)
    assert unescape_formula(escaped) == text
    assert escape_formula(text) == text or escaped[0] == "'"
    if text.lstrip(" \t\r\n")[:1] in tuple("=@\uff1d"):
        assert escaped[0] == "'"


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), TEXT)
@example([("a\rb", "\r"), ("a\nb", "\n"), ("a\r\nb", '"')], "\r")
def test_rows_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    header = [f"{name}1", f"{name}2"]
    write_csv(path, header, rows)
    assert read_csv(path, header) == [dict(zip(header, row, strict=True)) for row in rows]
    with open(path, encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not any(cell.lstrip(" \t\r\n").startswith(("=", "@")) for cell in cells)


@given(st.lists(TEXT | st.none(), max_size=8), st.booleans())
def test_a_table_is_escaped_like_its_cells(texts: list[str | None], large: bool) -> None:
    column = pa.array(texts, pa.large_string() if large else pa.string())
    table = escape_formulas(pa.table({"=label": column, "probability": [-0.5] * len(texts)}))
    assert table.column_names == ["'=label", "probability"]
    assert table.column(0).to_pylist() == [escape_formula(text) for text in texts]
    assert table.column(1).to_pylist() == [-0.5] * len(texts)
    assert table.schema.field(0).type == column.type


def test_numbers_are_written_as_python_writes_them(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["x", "y"], [[-1, -0.25], [None, 1e-7], ["-3", "+4"]])
    assert (tmp_path / "a.csv").read_bytes() == b"x,y\n-1,-0.25\n,1e-07\n-3,+4\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r"a\.csv is missing"),
        ("", "has no column x, y"),
        ("x\n", "has no column y"),
        ('x,y\n"1,2\n', "is not valid CSV"),
        ("x,y\n1\n", "is not valid CSV"),
    ],
)
def test_a_file_that_is_missing_or_damaged_is_refused(tmp_path: Path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UserError, match=problem):
        read_csv(tmp_path / "a.csv", ["y", "x"])
