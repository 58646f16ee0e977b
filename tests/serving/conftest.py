"""A small model in a folder, and one server of it for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.served import RunningServer, running
from support.tiny_models import save_bert
from support.tiny_task import LABELS

from complaints.backbones.model_files import folder_digest
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.modeling import classifier

TOKEN = "a-token-of-a-test"


def save_model(folder: Path, labels: list[str] = LABELS) -> Path:
    """Save a checkpoint with random weights that has never been trained."""
    pretrained = save_bert(folder / "pretrained")
    backbone = resolve(f"path:{pretrained}@{folder_digest(pretrained)}")
    model = classifier.build(backbone, "linear", "mean", labels)
    (folder / "net").mkdir()
    classifier.save(model, load_tokenizer(backbone.folder), folder / "net", "mean", 16, "fp32")
    return folder / "net"


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def server(small_model: Path) -> Iterator[RunningServer]:
    options = ["--model", small_model.name, "--queue", "300", "--max-texts", "200", "--max-bytes", "200000"]
    with running(small_model.parent, *options, "--timeout", "3", "--max-file-bytes", "1000000", token=TOKEN) as started:
        yield started
