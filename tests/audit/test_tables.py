"""The tables of an audit, read back."""

import csv
from pathlib import Path

from support.audit_data import complaint, measure

from complaints.audit.map_defects import Defect
from complaints.audit.tables import CSV_FILES, FINDINGS_FILE, LABEL_COUNTS_FILE, SIMILAR_LABELS_FILE, write_tables
from complaints.core.csv_files import read_csv

HOSTILE = ["=HYPERLINK(A1)", "@SUM(A1)", "-late fee", "-late fees", "+1-800-555"]


def test_no_cell_is_a_formula_and_labels_and_ids_are_read_back(tmp_path: Path) -> None:
    rows = [complaint(f"text {index}", label, "2021-01-02") for index, label in enumerate(HOSTILE)]
    rows += [{**complaint(" ", "Fees"), "row_id": "=2+3"}]
    write_tables(tmp_path, measure(tmp_path, rows), [], [Defect("mapped to itself", ("=a", "=b"), "=1")])
    for name in CSV_FILES:
        with open(tmp_path / name, encoding="utf-8", newline="") as stream:
            assert not [cell for row in csv.reader(stream) for cell in row if cell.startswith(("=", "@", "+", "-"))]
    counts = read_csv(tmp_path / LABEL_COUNTS_FILE)
    assert sorted(row["label"] for row in counts) == sorted([*HOSTILE, "Fees"])
    assert [row["label"] for row in read_csv(tmp_path / SIMILAR_LABELS_FILE)][:1] == ["-late fee"]
    assert "=2+3" in {row["row_id"] for row in read_csv(tmp_path / FINDINGS_FILE)}
