"""Exact search of the nearest rows by cosine, in blocks of queries."""

from dataclasses import dataclass

import numpy as np

STEPS = 10**6
"""Cosines are rounded to multiples of 1 / STEPS: the rounding of a product is a tenth of that."""
BLOCK_VALUES = 1 << 25
"""Cosines that are computed at once, about: a block of queries with all rows."""
ROW_BITS = 32
UNIT = 12
"""Blocks have a multiple of so many queries, filled up with zeros: the width of OpenBLAS's kernel for AVX2. The last
bit of a product depends on the query's place in such a group alone, and so not on the division into blocks."""


@dataclass(frozen=True)
class Nearest:
    """The nearest rows of each query, by descending rounded cosine, and by row number among equals."""

    rows: np.ndarray
    """Row numbers, int64 [queries, neighbours]."""
    cosines: np.ndarray
    """float64 [queries, neighbours]."""

    def first(self, count: int) -> "Nearest":
        """Return the first neighbours of each query, at most `count`."""
        return Nearest(self.rows[:, :count], self.cosines[:, :count])


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Return rows of length 1, float32 [rows, width]; a row of zeros stays one, and its cosines are 0."""
    values = np.asarray(features, np.float32)
    lengths = np.sqrt((values * values).sum(axis=1, keepdims=True))
    result: np.ndarray = values / np.where(lengths == 0, np.float32(1), lengths)
    return result


def nearest(rows: np.ndarray, queries: np.ndarray, count: int, block: int | None = None) -> Nearest:
    """Return the rows with the highest cosine for each query; all rows where there are fewer than `count`.

    Each cosine and its row number become one integer, so that the order is total: no tie depends on the algorithm that
    selects.

    Args:
        rows: Rows of length 1, float32 [rows, width].
        queries: Queries of length 1, float32 [queries, width].
        count: Number of neighbours.
        block: Queries to compute at once, a multiple of UNIT; None for as many as BLOCK_VALUES allows.
    """
    count = min(count, len(rows))
    size = block or max(BLOCK_VALUES // max(len(rows), 1) // UNIT * UNIT, UNIT)
    keys = np.empty((len(queries), count), np.int64)
    numbers = np.arange(len(rows), dtype=np.int64)
    for start in range(0, len(queries), size):
        part = queries[start : start + size]
        filled = np.zeros((-(-len(part) // UNIT) * UNIT, part.shape[1]), np.float32)
        filled[: len(part)] = part
        cosines = (filled @ rows.T)[: len(part)]
        ordered = (np.rint(cosines * np.float32(-STEPS)).astype(np.int64) << ROW_BITS) + numbers
        if count < len(rows):
            ordered.partition(count - 1, axis=1)
        keys[start : start + size] = np.sort(ordered[:, :count], axis=1)
    return Nearest(keys & ((1 << ROW_BITS) - 1), -(keys >> ROW_BITS) / STEPS)
