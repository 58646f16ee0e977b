"""Seeded random draws that are the same on every machine and every version of Python."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Draws made from `random.Random(seed).random()` alone.

    Python guarantees that method's sequence for a seed; `choice`, `shuffle` and the others may change between versions.
    """

    def __init__(self, seed: int) -> None:
        """Start the sequence that belongs to `seed`."""
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._random() < probability

    def between(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one item, each as likely as the others."""
        return items[int(self._random() * len(items))]

    def weighted(self, items: Sequence[T], weights: Sequence[int]) -> T:
        """Return one item with a probability in proportion to its integer weight."""
        left = int(self._random() * sum(weights))
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        raise ValueError("no positive weight")

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Return `count` of the items (all, where there are fewer) in random order (Fisher-Yates)."""
        left = list(items)
        count = min(count, len(left))
        for place in range(count):
            other = self.between(place, len(left) - 1)
            left[place], left[other] = left[other], left[place]
        return left[:count]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all items in random order."""
        return self.some(items, len(items))

    def quantile(self, quantiles: Sequence[int]) -> int:
        """Return a number from the distribution with these equally spaced quantiles, linear between them."""
        position = self._random() * (len(quantiles) - 1)
        step = int(position)
        return quantiles[step] + int((position - step) * (quantiles[step + 1] - quantiles[step]))
