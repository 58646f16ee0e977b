"""Nearest rows: exact, in one order, with the same bits in every division into blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.neighbours.search import UNIT, nearest, unit_rows


def rows_of(count: int, width: int = 24, seed: int = 0) -> np.ndarray:
    """Return rows of length 1, a third of them copies of others."""
    random = np.random.default_rng(seed)
    rows = unit_rows(random.normal(size=(count, width)))
    copied = random.integers(0, count, count // 3)
    rows[random.permutation(count)[: len(copied)]] = rows[copied]
    return rows


def eighths(count: int, seed: int) -> np.ndarray:
    """Return rows whose inner products are exact in float32, and often equal."""
    return np.random.default_rng(seed).integers(-2, 3, (count, 6)).astype(np.float32) / 8


def test_cosines_and_rows_of_an_example_by_hand() -> None:
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0], [6.0, 8.0]]))
    found = nearest(rows, unit_rows(np.array([[0.0, 5.0], [1.0, 0.0]])), 3)
    assert found.rows.tolist() == [[1, 0, 3], [2, 0, 3]]
    assert found.cosines.tolist() == [[1.0, 0.8, 0.8], [1.0, 0.6, 0.6]]


@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 80), st.integers(0, 5))
def test_rows_are_those_of_a_complete_sort(count: int, queries: int, wanted: int, seed: int) -> None:
    rows, asked = eighths(count, seed), eighths(queries, seed + 100)
    found = nearest(rows, asked, wanted)
    products = asked @ rows.T
    order = np.argsort(-products, axis=1, kind="stable")[:, :wanted]
    np.testing.assert_array_equal(found.rows, order)
    np.testing.assert_array_equal(found.cosines, np.take_along_axis(products, order, axis=1).astype(np.float64))


@pytest.mark.parametrize("count", [1000, 1003])
def test_every_division_into_blocks_has_the_bits_of_one_block(count: int) -> None:
    rows, queries = rows_of(count, 384), rows_of(333, 384, 1)
    whole = nearest(rows, queries, 64, 1000 * UNIT)
    for block in (UNIT, 5 * UNIT, None):
        parts = nearest(rows, queries, 64, block)
        np.testing.assert_array_equal(parts.rows, whole.rows)
        np.testing.assert_array_equal(parts.cosines, whole.cosines)
    alone = nearest(rows, queries[200:201], 64)
    np.testing.assert_allclose(alone.cosines, whole.cosines[200:201], atol=1.5e-6)


def test_a_row_of_zeros_is_orthogonal_to_all() -> None:
    rows = unit_rows(np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 0.0]]))
    assert nearest(rows, unit_rows(np.array([[1.0, 1.0]])), 3).rows.tolist() == [[1, 0, 2]]
    assert nearest(rows, unit_rows(np.zeros((1, 2))), 2).cosines.tolist() == [[0.0, 0.0]]
