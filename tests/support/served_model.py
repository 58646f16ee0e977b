"""A checkpoint with random weights, for a server."""

from pathlib import Path

import torch

from complaints.backbones.model_files import folder_digest
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.modeling import classifier
from support.tiny_models import save_bert
from support.tiny_task import LABELS


def save_model(folder: Path, seed: int = 0) -> Path:
    """Save a checkpoint that has never been trained as the folder `net` in `folder`."""
    folder.mkdir(exist_ok=True)
    pretrained = save_bert(folder / "pretrained")
    backbone = resolve(f"path:{pretrained}@{folder_digest(pretrained)}")
    torch.manual_seed(seed)
    model = classifier.build(backbone, "linear", "mean", LABELS)
    assert isinstance(model, classifier.LinearClassifier)
    torch.nn.init.normal_(model.head.weight, std=1.0)
    (folder / "net").mkdir()
    settings = classifier.InferenceSettings("mean", 16, "start", "fp32")
    classifier.save(model, load_tokenizer(backbone.folder), folder / "net", settings)
    return folder / "net"
