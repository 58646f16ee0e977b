"""Batches have every row once, within their size or token budget, as functions of seed and epoch."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from complaints.backbones.tokens import TokenSet
from complaints.engine import batches as engine_batches
from complaints.engine.batches import (
    WIDTH_MULTIPLE,
    epoch_batches,
    padded,
    step_seed,
    token_budget_batches,
    token_budget_inference_batches,
)
from complaints.finetuning.sampling import draw_rows

LENGTHS = st.lists(st.integers(1, 130), min_size=1, max_size=300).map(np.array)


LONG_TAIL = np.repeat(np.arange(6), [3000, 700, 200, 80, 15, 5])


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=400).map(np.array),
    st.integers(1, 40),
    st.integers(0, 9),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=50)
def test_every_row_is_in_one_batch_of_an_epoch(lengths: np.ndarray, size: int, seed: int, epoch: int) -> None:
    drawn = engine_batches.epoch_batches(lengths, size, seed, epoch)
    assert sorted(np.concatenate(drawn).tolist()) == list(range(len(lengths)))
    assert max(map(len, drawn)) <= size
    again = engine_batches.epoch_batches(lengths, size, seed, epoch)
    assert all((a == b).all() for a, b in zip(drawn, again, strict=True))


def test_batches_change_with_epoch_and_seed_and_waste_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(5, 128, 4000)
    first = engine_batches.epoch_batches(lengths, 32, 1, 0)
    for other in (engine_batches.epoch_batches(lengths, 32, 1, 1), engine_batches.epoch_batches(lengths, 32, 2, 0)):
        assert not np.array_equal(np.concatenate(first), np.concatenate(other))
    computed = sum(lengths[rows].max() * len(rows) for rows in first)
    assert computed < 1.1 * lengths.sum()


def test_number_of_batches_is_rows_by_batch_size_rounded_up() -> None:
    for rows in (31, 32, 33, 32 * 32, 32 * 32 + 1, 5000):
        assert len(engine_batches.epoch_batches(np.ones(rows), 32, 0, 0)) == -(-rows // 32)


def test_batches_hold_the_drawn_rows_as_often_as_they_were_drawn() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, len(LONG_TAIL))
    drawn = draw_rows(LONG_TAIL, "class_aware", 3, 1)
    batches = epoch_batches(lengths, 32, 3, 1, drawn)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.sort(drawn))
    assert len(batches) == -(-len(LONG_TAIL) // 32)
    shuffled = epoch_batches(lengths, 32, 3, 1)
    with_rarest = [sum((LONG_TAIL[rows] == 5).any() for rows in each) for each in (batches, shuffled)]
    assert with_rarest[0] > 5 * with_rarest[1]


def test_drawing_every_row_once_gives_the_batches_of_no_drawing() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 500)
    for a, b in zip(epoch_batches(lengths, 32, 3, 1), epoch_batches(lengths, 32, 3, 1, np.arange(500)), strict=True):
        assert np.array_equal(a, b)


@given(LENGTHS, st.integers(144, 900), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_every_row_is_in_one_batch_within_the_token_budget(
    lengths: np.ndarray, batch_tokens: int, seed: int, epoch: int, packed: bool
) -> None:
    drawn = token_budget_batches(lengths, batch_tokens, seed, epoch, packed)
    assert sorted(np.concatenate(drawn).tolist()) == list(range(len(lengths)))
    for rows in drawn:
        width = -(-lengths[rows].max() // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
        assert (lengths[rows].sum() if packed else width * len(rows)) <= batch_tokens
    again = token_budget_batches(lengths, batch_tokens, seed, epoch, packed)
    assert all((a == b).all() for a, b in zip(drawn, again, strict=True))


@pytest.mark.parametrize("packed", [True, False])
def test_token_budget_batches_are_nearly_full_and_change_with_epoch_and_seed(packed: bool) -> None:
    lengths = np.random.default_rng(0).integers(5, 128, 4000)
    first = token_budget_batches(lengths, 4096, 1, 0, packed)
    used = [
        lengths[rows].sum() if packed else -(-lengths[rows].max() // WIDTH_MULTIPLE) * WIDTH_MULTIPLE * len(rows)
        for rows in first
    ]
    assert np.mean(used) > 0.95 * 4096
    assert lengths.sum() > 0.9 * sum(used)
    for other in (token_budget_batches(lengths, 4096, 1, 1, packed), token_budget_batches(lengths, 4096, 2, 0, packed)):
        assert not np.array_equal(np.concatenate(first), np.concatenate(other))
    sizes = [len(rows) for rows in first]
    halves = np.mean(sizes[: len(sizes) // 2]), np.mean(sizes[len(sizes) // 2 :])
    assert max(halves) < 1.3 * min(halves)  # short and long batches are mixed


def test_row_longer_than_the_token_budget_is_a_batch_of_its_own() -> None:
    lengths = np.array([10, 300, 20, 500, 30])
    for packed in (True, False):
        batches = token_budget_batches(lengths, 100, 0, 0, packed)
        assert sorted(np.concatenate(batches).tolist()) == [0, 1, 2, 3, 4]
        assert {len(rows) for rows in batches if lengths[rows].max() > 100} == {1}


def test_padded_width_is_a_multiple_and_ids_stay() -> None:
    offsets = np.array([0, 3, 4, 9])
    tokens = TokenSet(["a", "b", "c"], np.arange(1, 10, dtype=np.int32), offsets, np.zeros(3, dtype=np.int64))
    batch = padded(tokens, np.array([2, 0]), 99, torch.device("cpu"), 4)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9, 99, 99, 99], [1, 2, 3, 99, 99, 99, 99, 99]]
    assert batch["attention_mask"].tolist() == [[1] * 5 + [0] * 3, [1] * 3 + [0] * 5]
    assert padded(tokens, np.array([2, 0]), 99, torch.device("cpu"))["input_ids"].shape == (2, 5)


def test_every_micro_batch_of_a_run_has_its_own_dropout_seed() -> None:
    positions = list(itertools.product((13, 14), range(3), range(4), range(3)))
    seeds = [step_seed(*position) for position in positions]
    assert len(set(seeds)) == len(positions)
    assert seeds == [step_seed(*position) for position in positions]


@given(LENGTHS, st.integers(16, 600))
def test_inference_batches_of_a_token_budget_have_every_row_once_and_the_longest_first(
    lengths: np.ndarray, batch_tokens: int
) -> None:
    batches = token_budget_inference_batches(lengths, batch_tokens)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(len(rows) == 1 or len(rows) * lengths[rows].max() <= batch_tokens for rows in batches)
    longest = [int(lengths[rows].max()) for rows in batches]
    assert longest == sorted(longest, reverse=True)
    assert longest[0] == lengths.max()
