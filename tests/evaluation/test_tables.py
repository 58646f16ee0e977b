"""The tables of an evaluation and metrics.json, read back."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from support.evaluation_data import COUNTS, LABELS, read_truth, report, score, write_inputs

from complaints.core.files import write_json
from complaints.evaluation.tables import metrics_json


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
    assert set(value) == {"majority", "tfidf", "tfidf-adjusted", "net", "net-adjusted"}
    for splits in value.values():
        assert set(splits) == {"validation", "test"}
        for metrics in splits.values():
            assert set(metrics) == {"accuracy", "macro_f1", "weighted_f1", "zero_f1_classes", "rescued"}
            assert all(number == round(number, 6) for number in metrics.values())


def test_tables_can_be_read_back(workspace: Path) -> None:
    truth = read_truth()
    rows = report(workspace / "out", truth)

    def read(name: str) -> list[dict[str, str]]:
        with open(workspace / "out" / name, newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    board = read("scoreboard.csv")
    assert [(line["model"], line["split"]) for line in board[:3]] == [
        ("majority", "validation"),
        ("majority", "test"),
        ("tfidf", "validation"),
    ]
    assert float(board[1]["accuracy"]) == rows[0].values["test"]["accuracy"]
    assert float(board[1]["accuracy_error"]) == rows[0].errors["test"]["accuracy"]

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
