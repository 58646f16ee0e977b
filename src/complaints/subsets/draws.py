"""Draws by name: numbers that depend on a name and a key alone, whatever else there is."""

import hashlib
from collections.abc import Sequence

import numpy as np


def draw(names: Sequence[str], key: str) -> np.ndarray:
    """Return a number in [0, 1) for each name, float64 [names], as a function of name and key alone."""
    digests = b"".join(hashlib.blake2b(name.encode(), key=key.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, ">u8") / 2.0**64


def distinct(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the distinct names in the order of their characters, and the index of each name among them, int64."""
    found = sorted(set(names))
    index = {name: number for number, name in enumerate(found)}
    return found, np.fromiter((index[name] for name in names), np.int64, len(names))
