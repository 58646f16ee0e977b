"""Tokenizers of every backbone, and the check that tokens come from the same one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.tiny_models import (
    WORDS,
    save_bert,
    save_decoder_tokenizer,
    save_llama,
    save_tokenizer,
)
from support.tiny_task import backbone_in, model_params, run

from complaints.backbones.resolve import Backbone
from complaints.backbones.tokenizer import encode, load_tokenizer, make_cut, matching_digest, tokenizer_digest
from complaints.core.errors import UserError


def test_tokenizer_without_padding_token_pads_with_the_end_token_and_adds_no_embedding(tmp_path: Path) -> None:
    folder = save_llama(tmp_path)
    assert json.loads((folder / "tokenizer_config.json").read_text()).get("pad_token") is None
    tokenizer = load_tokenizer(folder)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.padding_side) == ("[SEP]", 3, "right")
    assert len(tokenizer) == json.loads((folder / "config.json").read_text())["vocab_size"]
    save_decoder_tokenizer(folder, unk_token="[UNK]")
    assert load_tokenizer(folder).pad_token == "[UNK]"
    save_decoder_tokenizer(folder)
    with pytest.raises(UserError, match="has no token to pad with"):
        load_tokenizer(folder)


def test_blank_text_is_one_padding_token_without_special_tokens(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(save_llama(tmp_path))
    assert encode(tokenizer, [" ", "bank fee"]) == [[3], [6, 7]]


@pytest.mark.parametrize("make", [save_bert, save_llama])
@pytest.mark.parametrize(("truncation", "side"), [("start", "right"), ("end", "left")])
def test_start_and_end_of_a_long_text_are_those_of_the_library(
    tmp_path: Path, make: Callable[[Path], Path], truncation: str, side: str
) -> None:
    tokenizer = load_tokenizer(make(tmp_path))
    texts = [" ".join(WORDS[5:] * 3)[: 9 * length] for length in range(12)]
    cut = make_cut(tokenizer, 8, truncation)
    ours = [cut(row) for row in encode(tokenizer, texts)]
    tokenizer.truncation_side = side
    theirs = tokenizer(texts, truncation=True, max_length=8)["input_ids"]
    assert ours[1:] == theirs[1:]
    assert {len(row) for row in ours} >= {8}
    assert all(len(row) <= 8 for row in ours)


def test_both_keeps_half_from_each_side_and_the_special_tokens(tmp_path: Path) -> None:
    bert = load_tokenizer(save_bert(tmp_path / "bert"))
    text = " ".join(["bank"] + ["the"] * 20 + ["loan", "card"])
    ids = {word: i for i, word in enumerate(WORDS)}
    cut = make_cut(bert, 9, "both")
    # The odd token is one of the start.
    expected = ["[CLS]", "bank", "the", "the", "the", "the", "loan", "card", "[SEP]"]
    assert cut(encode(bert, [text])[0]) == [ids[word] for word in expected]
    (tmp_path / "llama").mkdir()
    llama = load_tokenizer(save_llama(tmp_path / "llama"))
    expected = ["bank", "the", "the", "the", "the", "the", "loan", "card"]
    assert make_cut(llama, 8, "both")(encode(llama, [text])[0]) == [ids[word] for word in expected]
    assert make_cut(llama, 30, "both")(encode(llama, [text])[0]) == encode(llama, [text])[0]


def test_the_digest_of_a_tokenizer_on_disk_is_that_of_the_loaded_one(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert")
    digest = tokenizer_digest(load_tokenizer(folder))
    assert matching_digest(folder, digest) == digest
    assert matching_digest(folder, "another") == digest
    save_tokenizer(folder, [*WORDS[:5], *reversed(WORDS[5:])])
    assert matching_digest(folder, digest) == tokenizer_digest(load_tokenizer(folder)) != digest


def test_tokens_of_another_tokenizer_are_refused(workspace: Path, backbone: Backbone, tmp_path: Path) -> None:
    other = save_bert(tmp_path / "other")
    save_tokenizer(other, [*WORDS[:5], *reversed(WORDS[5:])])
    with pytest.raises(UserError, match=r"was made by another .*`dvc repro --force --single-item tokenize@net`, then"):
        run(model_params(backbone_in(other)))
