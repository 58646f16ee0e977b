"""Smaller encoders: the layers that stay, and their form on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.tiny_models import DECODERS, ENCODERS, SIZES, save_albert
from support.tiny_task import backbone_in
from transformers import AutoModel

from complaints.core.errors import UserError
from complaints.modeling import classifier
from complaints.modeling.loading import load_pretrained
from complaints.modeling.truncation import keep_layers, layers_of

LABELS = ["a", "b", "c"]
KEPT = (0, 2, 3)


def save_deep(save: Callable[[Path], Path], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save a tiny model with four layers."""
    monkeypatch.setitem(SIZES, "num_hidden_layers", 4)
    if save.__name__ == "save_distilbert":
        from support import tiny_models

        tiny_models.save_tokenizer(folder)
        return tiny_models._save(folder, "DistilBert", dim=16, n_layers=4, n_heads=2, hidden_dim=32)
    return save(folder)


@pytest.mark.parametrize("save", [save for save in ENCODERS + DECODERS if save is not save_albert])
def test_a_truncated_model_is_one_that_transformers_loads(
    save: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_deep(save, tmp_path / "deep", monkeypatch)
    whole, _ = load_pretrained(folder, AutoModel)
    encoder, _ = load_pretrained(folder, AutoModel)
    keep_layers(encoder, KEPT)
    before, after = layers_of(whole), layers_of(encoder)
    assert before is not None
    assert after is not None
    assert len(after) == len(KEPT)
    for layer, kept in zip(after, KEPT, strict=True):
        own, expected = dict(layer.named_parameters()), dict(before[kept].named_parameters())
        assert own.keys() == expected.keys()
        assert all(torch.equal(own[name], expected[name]) for name in own)
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    encoder.save_pretrained(tmp_path / "short")
    again = AutoModel.from_pretrained(tmp_path / "short").eval()
    assert again.config.num_hidden_layers == len(KEPT)
    with torch.no_grad():
        expected_states, found, full = (model(input_ids=ids).last_hidden_state for model in (encoder, again, whole))
    torch.testing.assert_close(found, expected_states)
    assert not torch.allclose(full, expected_states)


@pytest.mark.parametrize("head", ["linear", "stock"])
def test_a_classifier_of_some_layers_is_saved_and_loaded(head: str, tmp_path: Path) -> None:
    from complaints.backbones.tokenizer import load_tokenizer

    backbone = backbone_in(ENCODERS[0](tmp_path / "bert"))
    model = classifier.build(backbone, head, "mean", LABELS, [1]).eval()
    classifier.save(
        model,
        load_tokenizer(backbone.folder),
        tmp_path / "saved",
        classifier.InferenceSettings("mean", 16, "start", "fp32"),
    )
    loaded = classifier.load(tmp_path / "saved").model
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids, torch.ones_like(ids)), model(ids, torch.ones_like(ids)))
    assert loaded.encoder.config.num_hidden_layers == 1


@pytest.mark.parametrize(("save", "has"), [(ENCODERS[0], "2 layers, numbered from 0"), (save_albert, "share")])
def test_a_layer_that_is_not_there_is_refused(save: Callable[[Path], Path], has: str, tmp_path: Path) -> None:
    encoder, _ = load_pretrained(save(tmp_path / "model"), AutoModel)
    with pytest.raises(
        UserError, match=rf"keep_layers: \[0, 2\] cannot be kept, the encoder has .*{has}.*set it to null"
    ):
        keep_layers(encoder, [0, 2])
