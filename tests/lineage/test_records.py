"""Records inside outputs, compared with what they name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audit_data import word_tokenizer
from support.files import flip_byte
from tokenizers import Tokenizer

from complaints.backbones import tokenizer
from complaints.backbones.resolve import Backbone
from complaints.core.dvc_lock import Entry, Stage, hash_path
from complaints.core.errors import UserError
from complaints.lineage import records
from complaints.lineage.records import Backbones, check_records
from complaints.scoring.predictions import write_predictions

RULES = tokenizer.counter_digest(word_tokenizer())
RECORDS: dict[str, Any] = {
    "data/tokens/a/meta.json": {"backbone": "hub:x", "tokenizer_sha256": RULES},
    "models/pretrained/a/pretraining.json": {"backbone": "hub:x", "backbone_sha256": "1"},
    "models/a/training.json": {"backbone": "hub:x", "backbone_sha256": "1", "tokenizer_sha256": RULES},
    "reports/audit/audit.json": {"tokens": {"tokenizer": "hub:x", "tokenizer_sha256": RULES}},
}
"""What stages record about the backbone whose digest is 1."""
IDS = {"validation": ["b"], "test": ["d"]}
LOGITS = {split: np.zeros((1, 2), "f4") for split in IDS}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with those records, and a backbone whose digest is the content of the file `digest`."""
    monkeypatch.chdir(tmp_path)
    for path, record in RECORDS.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(json.dumps(record))
    (tmp_path / "digest").write_text("1")
    word_tokenizer().save("tokenizer.json")

    def resolve(spec: str) -> Backbone:
        if not Path("digest").exists():
            raise UserError(f"backbone {spec} is not installed")
        return Backbone(spec, tmp_path, Path("digest").read_text())

    monkeypatch.setattr(records, "resolve", resolve)
    return tmp_path


def problems(*outs: str) -> list[tuple[str, str]]:
    """Return kind and path of the problems of a stage that has just written these outputs."""
    hashes = {out: hash_path(Path("."), out) for out in outs}
    stage = Stage("s", "", (), {}, tuple(Entry(out, str(md5)) for out, md5 in hashes.items()))
    return [(problem.kind, problem.path) for problem in check_records(stage, hashes, Backbones(), Path("."))]


@pytest.mark.parametrize("path", RECORDS)
def test_the_installed_backbone_is_compared_with_every_record_of_it(project: Path, path: str) -> None:
    out = str(Path(path).parent)
    assert problems(out) == []
    (project / "digest").write_text("2")
    assert problems(out) == ([("backbone", "hub:x")] if "backbone_sha256" in RECORDS[path] else [])
    (project / "digest").unlink()
    assert problems(out) == [("missing", "hub:x")]


@pytest.mark.parametrize("path", [path for path in RECORDS if "tokenizer_sha256" in json.dumps(RECORDS[path])])
def test_the_installed_tokenizer_is_compared_with_every_record_of_it(
    project: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer, "load_tokenizer", lambda folder: None)
    monkeypatch.setattr(tokenizer, "tokenizer_digest", lambda loaded: "of transformers")
    changed = Tokenizer.from_file("tokenizer.json")
    changed.add_tokens(["bank"])
    changed.save("tokenizer.json")
    out = str(Path(path).parent)
    assert problems(out) == [("backbone", "hub:x")]
    text = (project / path).read_text()
    (project / path).write_text(text.replace(RULES, "of transformers"))
    assert problems(out) == []
    (project / "tokenizer.json").write_text("{}")
    assert problems(out) == [("missing", "hub:x")]


def test_a_record_that_was_changed_afterwards_is_not_believed(project: Path) -> None:
    stage = Stage("s", "", (), {}, (Entry("models/a", "0" * 32 + ".dir"),))
    Path("models/a/training.json").write_text("{")
    assert check_records(stage, {"models/a": hash_path(project, "models/a")}, Backbones(), project) == []


@pytest.mark.parametrize("file", ["head.safetensors", "config.json", "training.json"])
def test_predictions_are_those_of_the_checkpoint_of_their_stage(project: Path, file: str) -> None:
    model = Path("models/a")
    (model / "training.json").write_text('{"epochs": "1234567890"}')
    for name in ("head.safetensors", "config.json"):
        (model / name).write_text("weights")
    IDS, LOGITS = (
        {"validation": ["b"], "test": ["d"]},
        {name: np.zeros((1, 2), "f4") for name in ("validation", "test")},
    )
    write_predictions("predictions/a.parquet", IDS, LOGITS, model)
    write_predictions("predictions/majority.parquet", IDS, LOGITS)
    assert problems("models/a", "predictions/a.parquet", "predictions/majority.parquet") == []
    flip_byte(model / file)
    assert problems("models/a", "predictions/a.parquet") == [("checkpoint", "predictions/a.parquet")]


@pytest.mark.parametrize("content", [None, b"no Parquet"])
def test_predictions_that_name_no_checkpoint_are_a_problem(project: Path, content: bytes | None) -> None:
    IDS, LOGITS = (
        {"validation": ["b"], "test": ["d"]},
        {name: np.zeros((1, 2), "f4") for name in ("validation", "test")},
    )
    write_predictions("predictions/a.parquet", IDS, LOGITS)
    if content:
        Path("predictions/a.parquet").write_bytes(content)
    assert problems("models/a", "predictions/a.parquet") == [("checkpoint", "predictions/a.parquet")]
