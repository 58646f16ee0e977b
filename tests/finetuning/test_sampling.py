"""Sampling of an epoch's rows by class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.finetuning.sampling import class_shares, draw_rows

LABELS = st.lists(st.integers(0, 12), min_size=1, max_size=300).map(np.array)


SEEDS = st.integers(0, 2**32 - 1)


LONG_TAIL = np.repeat(np.arange(6), [3000, 700, 200, 80, 15, 5])


@given(LABELS, st.sampled_from(["shuffled", "sqrt", "class_aware"]), SEEDS, st.integers(0, 99))
def test_classes_are_drawn_by_their_share_and_rows_of_a_class_equally_often(
    labels: np.ndarray, sampling: str, seed: int, epoch: int
) -> None:
    drawn = draw_rows(labels, sampling, seed, epoch)
    assert len(drawn) == len(labels)
    counts = np.bincount(labels)
    by_class = np.bincount(labels[drawn], minlength=len(counts))
    assert np.abs(by_class - class_shares(counts, sampling) * len(labels)).max() < 1 + 1e-9
    by_row = np.bincount(drawn, minlength=len(labels))
    for label in np.flatnonzero(counts):
        assert np.ptp(by_row[labels == label]) <= 1
    assert np.array_equal(drawn, draw_rows(labels, sampling, seed, epoch))


def test_shuffled_is_every_row_once() -> None:
    assert np.array_equal(np.sort(draw_rows(LONG_TAIL, "shuffled", 1, 2)), np.arange(len(LONG_TAIL)))


@pytest.mark.parametrize("sampling", ["sqrt", "class_aware"])
def test_draws_change_with_epoch_and_seed(sampling: str) -> None:
    first = draw_rows(LONG_TAIL, sampling, 1, 0)
    for other in (draw_rows(LONG_TAIL, sampling, 1, 1), draw_rows(LONG_TAIL, sampling, 2, 0)):
        assert not np.array_equal(np.sort(first), np.sort(other))


def test_every_row_of_a_large_class_is_drawn_in_some_epoch() -> None:
    seen = np.unique(np.concatenate([draw_rows(LONG_TAIL, "class_aware", 0, epoch) for epoch in range(40)]))
    assert len(seen) == len(LONG_TAIL)


def test_shares_are_between_frequency_and_equality() -> None:
    counts = np.array([900, 100, 0])
    assert class_shares(counts, "shuffled").tolist() == [0.9, 0.1, 0]
    assert class_shares(counts, "sqrt").tolist() == [0.75, 0.25, 0]
    assert class_shares(counts, "class_aware").tolist() == [0.5, 0.5, 0]
