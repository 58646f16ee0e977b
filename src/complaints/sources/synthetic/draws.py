"""Seeded random draws, equal on every machine and in every version of Python."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Random draws from `random.Random(seed).random()` only.

    Python guarantees the sequence of that method for a seed; `choice`, `shuffle` and others may change over versions.
    """

    def __init__(self, seed: int) -> None:
        """Start the sequence of `seed`."""
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._random() < probability

    def between(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one item, drawn uniformly."""
        return items[int(self._random() * len(items))]

    def weighted(self, items: Sequence[T], weights: Sequence[int]) -> T:
        """Return one item, drawn with a probability proportional to its integer weight."""
        left = int(self._random() * sum(weights))
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        raise ValueError("no positive weight")

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Return `count` of the items (all, if there are fewer) in random order (Fisher-Yates)."""
        left = list(items)
        count = min(count, len(left))
        for index in range(count):
            other = self.between(index, len(left) - 1)
            left[index], left[other] = left[other], left[index]
        return left[:count]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all items in random order."""
        return self.some(items, len(items))

    def quantile(self, quantiles: Sequence[int]) -> int:
        """Return an integer from the distribution with these equally spaced quantiles, interpolated linearly."""
        position = self._random() * (len(quantiles) - 1)
        step = int(position)
        return quantiles[step] + int((position - step) * (quantiles[step + 1] - quantiles[step]))
