"""Exact search of the nearest rows by cosine, in blocks of queries."""

from dataclasses import dataclass

import numpy as np

STEPS = 10**6
"""Cosines are rounded to multiples of 1 / STEPS, so that the rounding of a product decides no order."""
BLOCK_VALUES = 1 << 25
"""Cosines that are computed at once, about: a block of queries with all rows."""
ROW_BITS = 32
UNIT = 16
"""Blocks have multiples of so many queries: the last one is filled up with zeros. The code of a matrix product is
then the same for each row, and a query's cosines do not depend on the others."""


@dataclass(frozen=True)
class Nearest:
    """The nearest rows of each query, by descending cosine, and by row number among equals."""

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
