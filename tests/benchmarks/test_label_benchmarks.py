"""The commands renames.py and map_evidence.py, run on files as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.complaints_of import AFTER, BEFORE, complaints
from support.paths import ROOT

from complaints.labels.label_map import load_map

OLD, NEW, OTHER = "Charged fees I didn't expect", "Charged fees you didn't expect", "Communication tactics"
MAP = f"""# A comment that stays.
classes:
  - "{NEW}"
  - "{OTHER}"

merge:
  - from: "{OLD}"
    to: "{NEW}"
    reason: "reworded"
"""
COUNTS = f"""issue,n_all,n_consented,first,last
{OLD},70,50.0,2015-03-19 17:00:00,2017-04-21 17:00:00
{OTHER},9,0.0,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        *complaints(OLD, "fee interest surprise balance", BEFORE),
        *complaints(NEW, "fee interest surprise balance", AFTER),
        *complaints(OTHER, "collector called debt mine"),
    ]
    table = pa.table(
        {
            "complaint_text": [row["text"] for row in rows],
            "issue": [row["label"] for row in rows],
            "date_received": [row["date"].isoformat() for row in rows],
            "product": [row["product"] for row in rows],
        }
    )
    pq.write_table(table, tmp_path / "complaints.parquet")
    (tmp_path / "map.json").write_text(json.dumps({"_comment": "x", OLD: NEW, OTHER: OTHER}))
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "counts.csv").write_text(COUNTS)
    return tmp_path


def run(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), "complaints.parquet", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


COLUMNS = ("--text", "complaint_text", "--label", "issue", "--date", "date_received")


def test_recall_candidates_and_defects_of_a_published_map_are_printed(folder: Path) -> None:
    done = run(folder, "renames.py", "--map", "map.json", *COLUMNS, "--list", "1", "--defects")
    assert done.returncode == 0, done.stderr
    assert "3 labels, 1 merges with both labels in the data, 3 pairs" in done.stdout
    assert "| 20 | 1.000 | 0.050 | 0.050 |" in done.stdout
    assert f"{OLD} (20) -> {NEW} (20)" in done.stdout
    assert f"mapped to itself: '{OTHER}'" in done.stdout


def test_missing_column_is_an_error_of_one_line(folder: Path) -> None:
    done = run(folder, "renames.py", "--map", "map.json")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "complaints.parquet has no column 'text'; it has complaint_text, issue" in done.stderr


def test_evidence_is_written_to_the_map_and_the_rest_is_unchanged(folder: Path) -> None:
    done = run(folder, "map_evidence.py", "--counts", "counts.csv", "--map", "map.yaml")
    assert done.returncode == 0, done.stderr
    [merge] = load_map(folder / "map.yaml").merge
    assert merge.evidence is not None
    evidence = merge.evidence.model_dump()
    assert evidence["name_similarity"] > 0.7
    assert evidence["text_similarity"] > 0.9
    assert {key: value for key, value in evidence.items() if "similarity" not in key} == {
        "from_rows": 50,
        "from_first_seen": "2015-03-19",
        "from_last_seen": "2017-04-23",
        "to_rows": 20,
        "to_first_seen": "2017-04-24",
        "to_last_seen": "2018-05-29",
        "date_overlap": 0.0,
        "product_overlap": 1.0,
    }
    once = (folder / "map.yaml").read_text()
    assert once.startswith(MAP)
    run(folder, "map_evidence.py", "--counts", "counts.csv", "--map", "map.yaml")
    assert (folder / "map.yaml").read_text() == once
