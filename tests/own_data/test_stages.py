"""The pipeline runs with the parameters that init proposes."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from support import other_tasks
from support.own_data import LABELS, MAKERS, look
from support.paths import ROOT
from support.project import copy_project

from complaints.core import paths
from complaints.core.config import read_yaml
from complaints.withdrawals.ledger import LEDGER, NONE, write_ledger


def run_stage(script: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [f"stages/{script}.py", *arguments])
    runpy.run_path(str(ROOT / f"stages/{script}.py"), run_name="__main__")


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_the_stages_run_to_a_scoreboard(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look(MAKERS[name](tmp_path / name))
    write_ledger(LEDGER, NONE)
    paths.NO_UNLABELED.touch()
    text = Path("params.yaml").read_text().replace("  enabled: true", "  enabled: false")
    # A process has one precision, that of the other tests.
    Path("params.yaml").write_text(
        text.replace("numerics: portable", "numerics: fast").replace("precision: auto", "precision: fp32")
    )
    for script in ("fetch", "audit", "merge_labels", "split", "unlabeled"):
        run_stage(script, monkeypatch)
    run_stage("tokenize_text", monkeypatch, "minilm")
    run_stage("baseline", monkeypatch)
    for script in ("pretrain", "embed", "finetune"):
        run_stage(script, monkeypatch, "minilm")
    for script in ("knn", "decide", "evaluate", "measure", "recommend", "report", "card"):
        run_stage(script, monkeypatch)
    metrics = json.loads(paths.METRICS.read_text())
    assert metrics["tfidf"]["test"]["accuracy"] > 0.9
    assert json.loads(paths.LABELS.read_text()) == LABELS[name]
    report = json.loads(paths.LABELS_REPORT.read_text())
    assert (report["classes_absent"], report["not_in_the_list"]) == ([], [])
    assert "tfidf" in paths.SCOREBOARD.read_text()
    assert "ensemble-adjusted" in paths.MEMO.read_text()
    assert "map_defects" not in (paths.AUDIT / "index.html").read_text()


@pytest.mark.slow
def test_dvc_depends_on_a_file_outside_of_the_project(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "copy")
    path = other_tasks.tickets(tmp_path / "tickets.jsonl")
    project.complaints("init", str(path))
    assert project.repro("fetch", "merge_labels") == ["fetch", "merge_labels"]
    assert project.repro("fetch", "merge_labels") == []
    other_tasks.tickets(path, rows=330)
    assert project.repro("merge_labels") == ["fetch", "merge_labels"]
    assert read_yaml(project.root / "params.yaml")["fetch"]["path"] == str(path)
