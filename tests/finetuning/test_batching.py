"""Batches of a fine-tuning epoch, and their loss normalisers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_task import default_params

from complaints.backbones.tokens import TokenSet
from complaints.engine.batches import token_budget_batches
from complaints.finetuning.batching import count_steps, draw_batches, loss_normaliser
from complaints.finetuning.params import FinetuneParams
from complaints.finetuning.sampling import draw_rows

LENGTHS = st.lists(st.integers(1, 130), min_size=1, max_size=300)


def settings_of(**changes: Any) -> FinetuneParams:
    return default_params(**changes).finetune


@given(LENGTHS, st.integers(0, 5))
def test_rows_of_token_budget_batches_count_by_their_weights_and_a_step_is_a_mean(
    lengths: list[int], seed: int
) -> None:
    weights = np.random.default_rng(seed).uniform(0.2, 3, len(lengths))
    batches = token_budget_batches(np.array(lengths), 512, seed, 0, False)
    sums = np.array([weights[rows].sum() for rows in batches])
    assert len({loss_normaliser(sums, index, by_tokens=True) for index in range(len(batches))}) == 1
    shares = [sums[index] / loss_normaliser(sums, index, by_tokens=True) for index in range(len(batches))]
    assert np.mean(shares) == pytest.approx(1)
    assert [loss_normaliser(sums, index, by_tokens=False) for index in range(len(batches))] == sums.tolist()


@pytest.mark.parametrize("changes", [{}, {"batch_tokens": 512}, {"sampling": "class_aware", "batch_tokens": 300}])
@pytest.mark.parametrize("packed", [True, False])
def test_steps_are_the_batches_of_all_epochs_and_their_rows_are_those_drawn(
    changes: dict[str, Any], packed: bool
) -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(5, 128, 500)
    offsets = np.concatenate([[0], lengths.cumsum()])
    labels = np.sort(random.geometric(0.4, 500)) - 1
    tokens = TokenSet([""] * 500, np.zeros(offsets[-1], dtype=np.int32), offsets, labels)
    settings = settings_of(epochs=3, **changes)
    epochs = [draw_batches(tokens, settings, 13, epoch, packed) for epoch in range(3)]
    assert count_steps(tokens, settings, 13, packed) == sum(map(len, epochs))
    for epoch, batches in enumerate(epochs):
        drawn = draw_rows(labels, settings.sampling, 13, epoch)
        assert sorted(np.concatenate(batches)) == sorted(drawn)
