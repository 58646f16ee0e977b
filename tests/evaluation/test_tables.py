"""The tables of an evaluation and metrics.json, read back."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.evaluation_data import COUNTS, LABELS, read_truth, report, score, write_inputs

from complaints.core.csv_files import read_csv
from complaints.core.files import write_json
from complaints.evaluation.tables import CSV_FILES, metrics_json, write_tables


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the stage."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


def test_metrics_json_is_strict_and_has_every_row_split_and_metric(workspace: Path) -> None:
    rows = score(read_truth())
    write_json("metrics.json", metrics_json(rows))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    value = json.loads(Path("metrics.json").read_text(), parse_constant=refuse)
    assert set(value) == {"majority", "tfidf", "tfidf-adjusted", "net", "net-adjusted", "ensemble-adjusted"}
    for splits in value.values():
        assert set(splits) == {"validation", "test"}
        for metrics in splits.values():
            assert set(metrics) >= {"accuracy", "macro_f1", "macro_f1_sklearn", "zero_f1_classes", "rescued", "ece"}
            assert all(number == round(number, 6) for number in metrics.values())


def test_tables_can_be_read_back(workspace: Path) -> None:
    truth = read_truth()
    rows = report(workspace / "out", truth)

    def read(name: str) -> list[dict[str, str]]:
        return read_csv(workspace / "out" / name)

    board = read("scoreboard.csv")
    assert [(line["model"], line["split"]) for line in board[:3]] == [
        ("majority", "validation"),
        ("majority", "test"),
        ("tfidf", "validation"),
    ]
    assert float(board[1]["accuracy"]) == rows[0].values["test"]["accuracy"]
    assert (float(board[1]["accuracy_low"]), float(board[1]["accuracy_high"])) == rows[0].intervals["test"]["accuracy"]
    assert [line["rows"] for line in board[:2]] == ["39", "59"]

    per_class = read("per_class.csv")
    assert len(per_class) == len(rows) * 2 * 5
    assert [line["label"] for line in per_class[:5]] == LABELS
    assert [line["support"] for line in per_class[:5]] == ["20", "10", "6", "3", "0"]
    assert [line["support_train"] for line in per_class[:5]] == ["60", "30", "20", "6", "4"]

    wrong = [line for line in read("confusions.csv") if line["model"] == "net" and line["split"] == "test"]
    counts = [int(line["count"]) for line in wrong]
    predicted = rows[3].predicted["test"]
    assert sum(counts) == np.sum(predicted != truth.label_ids["test"])
    assert counts == sorted(counts, reverse=True)
    first = wrong[0]
    assert int(first["count"]) / COUNTS["test"][LABELS.index(first["true"])] == pytest.approx(
        float(first["share"]), abs=1e-6
    )


def test_no_cell_is_a_formula_and_labels_are_read_back(workspace: Path) -> None:
    hostile = ["=1+1", "@SUM(A1)", "-fee", "+fee", "'=1"]
    truth = replace(read_truth(), labels=hostile)
    write_tables(workspace, truth, score(truth))
    for name in CSV_FILES:
        with open(workspace / name, newline="", encoding="utf-8") as stream:
            assert not [cell for row in csv.reader(stream) for cell in row if cell.startswith(("=", "@", "+", "-"))]
    assert [line["label"] for line in read_csv(workspace / "per_class.csv")[:5]] == hostile
    assert {line["true"] for line in read_csv(workspace / "confusions.csv")} <= set(hostile)
