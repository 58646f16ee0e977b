"""Draws by name."""

import numpy as np
import pytest

from complaints.subsets.draws import distinct, draw


def test_draws_are_uniform_and_pinned() -> None:
    drawn = draw([str(i) for i in range(4000)], "13")
    assert np.all(np.abs(np.histogram(drawn, bins=10, range=(0, 1))[0] - 400) < 80)
    # A different value would move complaints of every user to other splits.
    assert draw(["0123456789abcdef"], "13")[0] == pytest.approx(0.2258461342)


def test_distinct_names_are_sorted_and_indexed() -> None:
    names, index = distinct(["b", "a", "b", "c"])
    assert names == ["a", "b", "c"]
    assert index.tolist() == [1, 0, 1, 2]
