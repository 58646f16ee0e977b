"""Attention: rows that sum to 1 on every architecture, the known rollout, and a model that stays as it was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import DECODERS, ENCODERS, save_albert, save_bert
from support.tiny_task import backbone_in

from complaints.attribution.gradients import read_input
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.inspecting.attention import habits, pooled, read_attention, rollout
from complaints.modeling.attention import prepare_attention
from complaints.modeling.classifier import build

TEXT = "the late fee card loan"


@pytest.mark.parametrize("save", [*ENCODERS, *DECODERS], ids=lambda save: save.__name__)
def test_weights_sum_to_one_and_the_model_stays_as_it_was(save: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = save(tmp_path / "net")
    network = build(backbone_in(folder), "linear", "mean", ["a", "b"]).eval()
    given = read_input(load_tokenizer(folder), TEXT, 64, "start")
    inputs = {"input_ids": given.ids[None], "attention_mask": torch.ones_like(given.ids)[None]}
    with torch.no_grad():
        before, kind = network(**inputs), network.encoder.config._attn_implementation
        weights = read_attention(network, given)
        assert torch.equal(network(**inputs), before)
    assert network.encoder.config._attn_implementation == kind != "eager"
    assert weights.shape == (2, 2, len(given.ids), len(given.ids))
    assert weights.sum(-1) == pytest.approx(1, abs=1e-6)
    assert weights.min() >= 0
    if save in DECODERS:  # no token looks at a later one
        assert np.triu(weights, 1).max() == 0
    assert rollout(weights).sum(-1) == pytest.approx(1, abs=1e-6)


def test_the_weights_are_those_of_the_formula(tmp_path: Path) -> None:
    """softmax(q k / sqrt(width)) of the first layer, from the weights of the layer and the state of the embeddings."""
    folder = save_bert(tmp_path / "net")
    network = build(backbone_in(folder), "linear", "mean", ["a", "b"]).eval()
    given = read_input(load_tokenizer(folder), TEXT, 64, "start")
    attention = network.encoder.encoder.layer[0].attention.self
    with torch.no_grad():
        states = network.encoder.embeddings(given.ids[None])[0]
        query, key = (layer(states).view(-1, 2, 8).transpose(0, 1) for layer in (attention.query, attention.key))
        expected = (query @ key.transpose(1, 2) / 8**0.5).softmax(-1)
    assert read_attention(network, given)[0] == pytest.approx(expected.double().numpy(), abs=1e-6)


def test_weights_that_are_damaged_are_one_line(tmp_path: Path) -> None:
    folder = save_albert(tmp_path / "net")
    network = build(backbone_in(folder), "linear", "mean", ["a", "b"]).eval()
    given = read_input(load_tokenizer(folder), TEXT, 64, "start")
    for parameter in network.encoder.encoder.parameters():
        torch.nn.init.constant_(parameter, float("nan"))
    with pytest.raises(UserError, match="do not sum to 1"):
        read_attention(network, given)


def test_rollout_is_the_product_of_halves() -> None:
    swap = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    stay = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    first = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    assert rollout(np.stack([stay, stay])).tolist() == np.eye(2).tolist()
    assert rollout(swap[None]).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    # The first layer swaps, the second one looks at the first token: ((F + I) / 2) ((S + I) / 2).
    assert rollout(np.stack([swap, first])).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert rollout(np.stack([first, swap])).tolist() == [[0.75, 0.25], [0.75, 0.25]]
    # Heads are averaged.
    assert rollout(np.stack([swap, stay], axis=1)).tolist() == [[0.75, 0.25], [0.25, 0.75]]


@pytest.mark.parametrize(
    ("save", "head", "pooling", "expected"),
    [
        (save_bert, "linear", "mean", [4, 5, 6]),
        (save_bert, "linear", "cls", [1, 2, 3]),
        (save_bert, "linear", "last", [7, 8, 9]),
        (save_bert, "stock", "mean", [1, 2, 3]),
        (DECODERS[1], "stock", "mean", [7, 8, 9]),
    ],
)
def test_the_rows_that_the_head_reads(
    save: Callable[[Path], Path], head: str, pooling: str, expected: list[float], tmp_path: Path
) -> None:
    network = build(backbone_in(save(tmp_path / "net")), head, pooling, ["a", "b"])
    assert pooled(network, np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])).tolist() == expected


def test_attention_is_read_after_any_preparation(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "net")
    network = build(backbone_in(folder), "linear", "mean", ["a", "b"]).eval()
    given = read_input(load_tokenizer(folder), TEXT, 64, "start")
    before = read_attention(network, given)
    prepare_attention(network.encoder, "never", False, "bf16")
    kind = network.encoder.config._attn_implementation
    assert np.array_equal(read_attention(network, given), before)
    assert network.encoder.config._attn_implementation == kind


def test_habits_are_means_over_heads_and_tokens() -> None:
    layer = np.array([[[0.5, 0.25, 0.25], [1.0, 0, 0], [0, 1.0, 0]], [[0.5, 0.25, 0.25], [0, 0, 1.0], [0, 1.0, 0]]])
    (found,) = habits(layer[None], np.array([True, False, False]))
    assert found.special == pytest.approx((0.5 + 0.5) / 3)
    assert found.itself == pytest.approx(0.5 / 3)
    assert found.before == pytest.approx((0.5 + 1) / 3)
    assert found.after == pytest.approx((0.25 + 0.5) / 3)
