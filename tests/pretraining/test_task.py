"""Masks of masked-language-model training, and the logits of the masked tokens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_models import ENCODERS, WORDS
from support.tiny_task import backbone_in

from complaints.backbones.resolve import Backbone
from complaints.backbones.tokenizer import load_tokenizer
from complaints.backbones.tokens import read_tokens
from complaints.engine.batches import epoch_batches, padded
from complaints.engine.distributed import make_accelerator, micro_batches
from complaints.modeling.loading import load_pretrained
from complaints.pretraining import task
from complaints.pretraining.params import MaskingParams

SPECIAL = range(5)


@pytest.fixture(scope="module")
def tokenizer(backbone: Backbone) -> Any:
    return load_tokenizer(backbone.folder)


def batch(rows: int, width: int, seed: int = 0) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(seed)
    ids = random.integers(5, len(WORDS), (rows, width))
    ids[:, 0], ids[:, -1] = 2, 3
    mask = np.arange(width) < random.integers(3, width + 1, (rows, 1))
    ids[~mask] = 0
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}


@given(st.integers(1, 8), st.integers(3, 20), st.integers(0, 99), st.floats(0.01, 0.9))
def test_special_tokens_and_padding_are_never_chosen_and_at_least_one_token_is(
    tokenizer: Any, rows: int, width: int, seed: int, share: float
) -> None:
    inputs = batch(rows, width, seed)
    hidden, chosen = task.mask_tokens(inputs, tokenizer, share, [seed, 0, 0])
    assert not torch.isin(inputs["input_ids"][chosen], torch.tensor(SPECIAL)).any()
    assert (inputs["attention_mask"][chosen] == 1).all()
    assert chosen.any()
    assert torch.equal(hidden[~chosen], inputs["input_ids"][~chosen])


def test_shares_of_masked_random_and_kept_tokens_are_those_of_bert(tokenizer: Any) -> None:
    inputs = batch(400, 200)
    hidden, chosen = task.mask_tokens(inputs, tokenizer, 0.15, [1, 2, 3])
    eligible = ~torch.isin(inputs["input_ids"], torch.tensor(SPECIAL))
    count = int(chosen.sum())
    assert count / int(eligible.sum()) == pytest.approx(0.15, abs=0.01)
    masked = hidden[chosen] == tokenizer.mask_token_id
    same = hidden[chosen] == inputs["input_ids"][chosen]
    by_chance = 1 / len(WORDS)  # a random token may be the same token or the mask token
    assert int(masked.sum()) / count == pytest.approx(0.8 + 0.1 * by_chance, abs=0.02)
    assert int(same.sum()) / count == pytest.approx(0.1 + 0.1 * by_chance, abs=0.02)


def test_masks_are_a_function_of_their_seed_alone_and_change_with_it(tokenizer: Any) -> None:
    inputs = batch(8, 20)

    def draw(seed: list[int]) -> torch.Tensor:
        return task.mask_tokens(inputs, tokenizer, 0.15, seed)[0]

    first = draw([1, 0, 0])
    torch.manual_seed(99)
    assert torch.equal(draw([1, 0, 0]), first)
    assert not any(torch.equal(draw(seed), first) for seed in ([2, 0, 0], [1, 1, 0], [1, 0, 1]))


@pytest.mark.parametrize("accumulation", [1, 2, 3, 8])
def test_masks_do_not_depend_on_the_cut_into_micro_batches(workspace: Path, tokenizer: Any, accumulation: int) -> None:
    data = read_tokens(Path("data/tokens/net/train.parquet"))
    params = MaskingParams(epochs=2, batch_size=8, accumulation=accumulation, learning_rate=1e-3, mask_share=0.15)
    rows = epoch_batches(data.lengths, 8, 13, 1)[2]
    complete = padded(data, rows, tokenizer.pad_token_id, torch.device("cpu"))
    masked_ids, chosen = task.mask_tokens(complete, tokenizer, 0.15, [13, 1, 2])
    step = task.MaskingTask(make_accelerator("cpu", "fp32"), data, tokenizer, params, 13).epoch(1)[2]
    assert step.normaliser == step.weight == int(chosen.sum())
    targets = 0
    for micro_batch in micro_batches(len(step), 0, 1, accumulation):
        inputs, ids = step.select(micro_batch.positions)
        assert torch.equal(inputs["input_ids"], masked_ids[micro_batch.positions])
        assert torch.equal(inputs["chosen"], chosen[micro_batch.positions])
        assert torch.equal(ids, complete["input_ids"][micro_batch.positions][inputs["chosen"]])
        targets += len(ids)
    assert targets == step.normaliser


@pytest.mark.parametrize("make", ENCODERS)
def test_logits_of_the_chosen_tokens_are_those_of_the_complete_model(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    from transformers import AutoModelForMaskedLM

    backbone = backbone_in(make(tmp_path))
    tokenizer = load_tokenizer(backbone.folder)
    inputs = batch(8, 20)
    torch.manual_seed(3)
    model, _ = load_pretrained(backbone.folder, AutoModelForMaskedLM)
    hidden, chosen = task.mask_tokens(inputs, tokenizer, 0.3, [0])
    with torch.no_grad():
        complete = model(input_ids=hidden, attention_mask=inputs["attention_mask"]).logits[chosen]
        logits = task.MaskedLanguageModel(model)(hidden, inputs["attention_mask"], chosen)
    assert logits.shape == (int(chosen.sum()), len(WORDS))
    torch.testing.assert_close(logits, complete, atol=1e-6, rtol=0)
