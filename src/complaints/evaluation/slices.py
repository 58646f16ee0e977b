"""Slices of the held-out rows by their texts, classes and duplicates.

To add a slice, write a function from HeldOutRows to parts and name it in SLICES.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from complaints.dedup.normalize import REDACTED

TOKEN_EDGES = (64, 128, 256)
"""Lengths to which encoders usually cut texts."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_NUMBERS = re.compile(r"\$\s?\d|\d{4,}")
_STARTS_WITH_I = re.compile(r"\W*I\b")


@dataclass(frozen=True)
class HeldOutRows:
    """The rows of a held-out split."""

    texts: Sequence[str]
    label_ids: np.ndarray
    """True class ids, int64 [rows]."""
    in_train: np.ndarray
    """Whether train has an exact or near duplicate of the row, bool [rows]."""
    train_support: np.ndarray
    """Training rows per class, int64 [classes]."""


@dataclass(frozen=True)
class Part:
    """The rows of a slice that have one value."""

    value: str
    rows: np.ndarray
    """bool [rows]."""


def characters(rows: HeldOutRows) -> list[Part]:
    """Divide by the number of characters, at its quartiles."""
    return _quartiles(np.array([len(text) for text in rows.texts]))


def tokens(rows: HeldOutRows) -> list[Part]:
    """Divide by the number of words and punctuation marks; tokenizers of models split some words further."""
    counts = np.array([len(_TOKEN.findall(text)) for text in rows.texts])
    index = np.searchsorted(TOKEN_EDGES, counts)
    between = [f"{low + 1} to {high}" for low, high in itertools.pairwise(TOKEN_EDGES)]
    names = [f"at most {TOKEN_EDGES[0]}", *between, f"more than {TOKEN_EDGES[-1]}"]
    return [Part(name, index == position) for position, name in enumerate(names)]


def redacted(rows: HeldOutRows) -> list[Part]:
    """Divide by whether the text has a redaction mark such as XXXX."""
    return _yes_no([REDACTED.search(text) is not None for text in rows.texts])


def numbers(rows: HeldOutRows) -> list[Part]:
    """Divide by numeric content: an amount in dollars, or four digits in a row."""
    return _yes_no([_NUMBERS.search(text) is not None for text in rows.texts])


def starts_with_i(rows: HeldOutRows) -> list[Part]:
    """Divide by whether the first word is I, as in a story of the consumer's own."""
    return _yes_no([_STARTS_WITH_I.match(text) is not None for text in rows.texts])


def capitals(rows: HeldOutRows) -> list[Part]:
    """Divide by the share of capitals among letters outside redaction marks, at its quartiles."""
    return _quartiles(np.array([_share_of_capitals(REDACTED.sub("", text)) for text in rows.texts]))


def rare_class(rows: HeldOutRows) -> list[Part]:
    """Divide by whether the true class is in the quarter of classes with the fewest training rows."""
    order = np.argsort(rows.train_support, kind="stable")
    rare = np.isin(rows.label_ids, order[: len(order) // 4])
    return _yes_no(rare)


def never_seen(rows: HeldOutRows) -> list[Part]:
    """Divide by whether the row has no exact or near duplicate in train."""
    return _yes_no(~rows.in_train)


SLICES: dict[str, Callable[[HeldOutRows], list[Part]]] = {
    "characters": characters,
    "tokens": tokens,
    "redacted": redacted,
    "numbers": numbers,
    "starts_with_i": starts_with_i,
    "capitals": capitals,
    "rare_class": rare_class,
    "never_seen": never_seen,
}
"""Slices by name, in the order of the tables."""


def parts_of(rows: HeldOutRows) -> list[tuple[str, Part]]:
    """Return (slice, part) of all slices; parts without rows, and those that all rows are in, are left out."""
    parts = [(name, part) for name, divide in SLICES.items() for part in divide(rows)]
    return [(name, part) for name, part in parts if part.rows.any() and not part.rows.all()]


def _yes_no(values: Sequence[bool] | np.ndarray) -> list[Part]:
    yes = np.asarray(values, bool)
    return [Part("yes", yes), Part("no", ~yes)]


def _quartiles(values: np.ndarray) -> list[Part]:
    """Divide at the quartiles of the rows; equal values are in one part, so the parts can differ in size."""
    edges = np.quantile(values, [0.25, 0.5, 0.75], method="inverted_cdf")
    index = np.searchsorted(edges, values)
    return [Part(f"quartile {position + 1}", index == position) for position in range(4)]


def _share_of_capitals(text: str) -> float:
    letters = sum(map(str.isalpha, text))
    return sum(map(str.isupper, text)) / letters if letters else 0.0
