"""Slices of the held-out rows."""

import numpy as np
import pytest

from complaints.evaluation.slices import SLICES, HeldOutRows, parts_of

TEXTS = [
    "I paid $12 in 1999 and XXXX XXXX never answered.",
    "I'm ANGRY",
    '"I" said the bank',
    "It was 12 dollars",
    "My Maxx card, XXL",
    "word " * 300,
    "{$5.00} on XX/XX/2019",
    "",
]


def rows(texts: list[str] = TEXTS) -> HeldOutRows:
    """Return rows with class ids 0, 1, 2, ... of which the last quarter is rare, and the first row seen in train."""
    count = len(texts)
    return HeldOutRows(texts, np.arange(count), np.arange(count) == 0, np.arange(count, 0, -1))


def yes(name: str) -> list[int]:
    """Return the indices of the rows with the value yes."""
    found = {part.value: part.rows for part in SLICES[name](rows())}
    np.testing.assert_array_equal(found["yes"], ~found["no"])
    return np.flatnonzero(found["yes"]).tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("redacted", [0, 6]),
        ("numbers", [0, 6]),
        ("starts_with_i", [0, 1, 2]),
        ("rare_class", [6, 7]),
        ("never_seen", [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_values_of_rows(name: str, expected: list[int]) -> None:
    assert yes(name) == expected


def test_tokens_are_words_and_punctuation_marks() -> None:
    texts = ["a." * 32, "a." * 32 + "b", "a b" * 64, "a " * 257]
    found = {part.value: np.flatnonzero(part.rows).tolist() for part in SLICES["tokens"](rows(texts))}
    assert found == {"at most 64": [0], "65 to 128": [1, 2], "129 to 256": [], "more than 256": [3]}


def test_redaction_marks_are_no_capitals() -> None:
    texts = ["XXXX XXXX aaa", "Aaa", "AAa", "AAA"]
    found = [np.flatnonzero(part.rows).tolist() for part in SLICES["capitals"](rows(texts))]
    assert found == [[0], [1], [2], [3]]


@pytest.mark.parametrize("texts", [TEXTS, ["a"], ["a", "a", "b"], ["x" * n for n in range(100)]])
def test_parts_of_a_slice_divide_the_rows(texts: list[str]) -> None:
    for divide in SLICES.values():
        assert (np.sum([part.rows for part in divide(rows(texts))], axis=0) == 1).all()
    for _, part in parts_of(rows(texts)):
        assert 0 < part.rows.sum() < len(texts)


def test_quartiles_of_different_lengths_are_equally_large() -> None:
    parts = SLICES["characters"](rows(["x" * n for n in range(100)]))
    assert [int(part.rows.sum()) for part in parts] == [25, 25, 25, 25]
