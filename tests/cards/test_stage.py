"""The stage card in the pipeline: the same bytes each time, no text of a complaint, and stale after a withdrawal."""

import json
from pathlib import Path

import pytest
from support.commands import files_in
from support.project import Project

from complaints.cards.statement import models_of, stale_of
from complaints.core.dvc_lock import read_lock
from complaints.core.parquet import read_parquet

pytestmark = pytest.mark.slow

CARDS = "reports/cards"
SHOWN = 40
"""Characters of a text that would be recognised."""


def _lineage(project: Project, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((project.root / CARDS / name / "lineage.json").read_text())
    return found


def test_cards_have_no_text_of_a_complaint(built: Project) -> None:
    pages = [content.decode() for content in files_in(built.root / CARDS).values()]
    texts = read_parquet(built.root / "data/raw/complaints.parquet", ["text"])["text"].to_pylist()
    assert len(pages) == 10
    for page in pages:
        assert not [text for text in texts if len(text) >= SHOWN and text[:SHOWN] in page]


def test_cards_name_the_models_of_dvc_lock(built: Project) -> None:
    lock = read_lock(built.root / "dvc.lock")
    md5s = {out.path: out.md5 for stage in lock.values() for out in stage.outs}
    for name in ("minilm", "tfidf"):
        assert models_of(_lineage(built, name))[name].md5 == md5s[f"models/{name}"]
    assert stale_of(_lineage(built, "minilm")) == []


def test_the_stage_makes_the_same_bytes_whatever_nobody_declared(project: Project) -> None:
    lock, before = project.lock(), files_in(project.root / CARDS)
    for file in (project.root / "scratch/training_times").iterdir():
        file.write_text(file.read_text().replace("seconds", "seconds_"))
    (project.root / "reports/costs").mkdir(exist_ok=True)
    (project.root / "reports/costs/minilm.json").write_text("{}")
    project.run("git", "commit", "-q", "--allow-empty", "-m", "another commit")
    for path in (project.root / "models").rglob("*"):
        path.touch()
    assert project.repro("--force", "--single-item", "card") == ["card"]
    assert files_in(project.root / CARDS) == before
    assert project.lock() == lock


def test_a_copy_predicts_and_a_withdrawal_stops_the_next_one(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    project.complaints("card", "minilm", "--output", str(copy))
    said = project.complaints("predict", "--model", str(copy), "They keep calling me about a debt.").stdout
    assert "%" in said
    row_id = read_parquet(project.root / "data/splits/train.parquet", ["row_id"])["row_id"][0].as_py()
    project.complaints("forget", row_id)
    refused = project.complaints("card", "minilm", "--output", str(tmp_path / "other"), check=False)
    assert refused.returncode == 1
    assert "minilm was made from complaints that were withdrawn since" in refused.stdout
    project.repro("--single-item", "card")
    assert stale_of(_lineage(project, "minilm"))
    project.complaints("card", "minilm", "--output", str(tmp_path / "other"))
    assert "STALE" in (tmp_path / "other" / "README.md").read_text()
