"""Which rows an epoch sees, and the learning rate over a run."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.engine.batches import epoch_batches
from complaints.engine.schedules import learning_rate_factor
from complaints.finetuning.sampling import class_shares, draw_rows

LABELS = st.lists(st.integers(0, 12), min_size=1, max_size=300).map(np.array)
SEEDS = st.integers(0, 2**32 - 1)
LONG_TAIL = np.repeat(np.arange(6), [3000, 700, 200, 80, 15, 5])


@given(LABELS, st.sampled_from(["shuffled", "sqrt", "class_aware"]), SEEDS, st.integers(0, 99))
def test_draws_are_even_over_classes_by_their_share_and_over_the_rows_of_a_class(labels, sampling, seed, epoch):
    drawn = draw_rows(labels, sampling, seed, epoch)
    assert len(drawn) == len(labels)
    counts = np.bincount(labels)
    by_class = np.bincount(labels[drawn], minlength=len(counts))
    assert np.abs(by_class - class_shares(counts, sampling) * len(labels)).max() < 1 + 1e-9
    by_row = np.bincount(drawn, minlength=len(labels))
    for label in np.flatnonzero(counts):
        assert np.ptp(by_row[labels == label]) <= 1
    assert np.array_equal(drawn, draw_rows(labels, sampling, seed, epoch))


def test_shuffled_is_every_row_once():
    assert np.array_equal(np.sort(draw_rows(LONG_TAIL, "shuffled", 1, 2)), np.arange(len(LONG_TAIL)))


@pytest.mark.parametrize("sampling", ["sqrt", "class_aware"])
def test_draws_change_with_epoch_and_seed(sampling):
    first = draw_rows(LONG_TAIL, sampling, 1, 0)
    for other in (draw_rows(LONG_TAIL, sampling, 1, 1), draw_rows(LONG_TAIL, sampling, 2, 0)):
        assert not np.array_equal(np.sort(first), np.sort(other))


def test_large_class_is_seen_whole_over_the_epochs():
    seen = np.unique(np.concatenate([draw_rows(LONG_TAIL, "class_aware", 0, epoch) for epoch in range(40)]))
    assert len(seen) == len(LONG_TAIL)


def test_shares_go_from_frequency_to_equality():
    counts = np.array([900, 100, 0])
    assert class_shares(counts, "shuffled").tolist() == [0.9, 0.1, 0]
    assert class_shares(counts, "sqrt").tolist() == [0.75, 0.25, 0]
    assert class_shares(counts, "class_aware").tolist() == [0.5, 0.5, 0]


def test_batches_hold_the_drawn_rows_as_often_as_they_were_drawn():
    lengths = np.random.default_rng(0).integers(5, 60, len(LONG_TAIL))
    drawn = draw_rows(LONG_TAIL, "class_aware", 3, 1)
    batches = epoch_batches(lengths, 32, 3, 1, drawn)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.sort(drawn))
    assert len(batches) == -(-len(LONG_TAIL) // 32)
    shuffled = epoch_batches(lengths, 32, 3, 1)
    with_rarest = [sum((LONG_TAIL[rows] == 5).any() for rows in each) for each in (batches, shuffled)]
    assert with_rarest[0] > 5 * with_rarest[1]


def test_all_rows_named_one_by_one_make_the_same_batches_as_none_named():
    lengths = np.random.default_rng(0).integers(5, 60, 500)
    for a, b in zip(epoch_batches(lengths, 32, 3, 1), epoch_batches(lengths, 32, 3, 1, np.arange(500)), strict=True):
        assert np.array_equal(a, b)


class TestSchedules:
    @given(
        st.integers(1, 500), st.floats(0, 1, allow_subnormal=False), st.sampled_from(["linear", "cosine", "constant"])
    )
    def test_climbs_and_never_rises_again(self, steps, warmup, schedule):
        factors = [learning_rate_factor(step, steps, warmup, schedule) for step in range(steps)]
        assert all(0 < factor <= 1 for factor in factors)
        top = int(np.argmax(factors))
        assert factors[top] == 1
        assert all(a < b for a, b in itertools.pairwise(factors[: top + 1]))
        assert all(a >= b for a, b in itertools.pairwise(factors[top:]))

    @pytest.mark.parametrize(
        ("schedule", "middle", "quarter", "end"),
        [("linear", 0.5, 0.75, 0.0), ("cosine", 0.5, (1 + 0.5**0.5) / 2, 0.0), ("constant", 1.0, 1.0, 1.0)],
    )
    def test_falls_as_its_name_says(self, schedule, middle, quarter, end):
        assert learning_rate_factor(0, 110, 10 / 110, schedule) == pytest.approx(0.1)
        assert learning_rate_factor(9, 110, 10 / 110, schedule) == 1.0
        assert learning_rate_factor(10, 110, 10 / 110, schedule) == 1.0
        assert learning_rate_factor(35, 110, 10 / 110, schedule) == pytest.approx(quarter)
        assert learning_rate_factor(60, 110, 10 / 110, schedule) == pytest.approx(middle)
        assert learning_rate_factor(110, 110, 10 / 110, schedule) == pytest.approx(end)

    def test_without_warmup_it_starts_at_the_top(self):
        assert learning_rate_factor(0, 10, 0.0, "linear") == 1.0
