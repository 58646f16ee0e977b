"""Words of a text, and the share of each in a score that is known for stretches of characters."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]+")


@dataclass(frozen=True)
class Stretch:
    """A stretch of a text and its share in a score."""

    start: int
    """Index of its first character."""
    end: int
    score: float


@dataclass(frozen=True)
class Attribution:
    """Shares of a text's words in a class's score."""

    words: list[Stretch]
    """In the order of the text, without those that the model did not read."""
    explained: float
    """The class's score minus that of the baseline, which the shares have to add up to."""
    method: str

    @property
    def completeness_error(self) -> float:
        """Return the difference between the sum of the shares and `explained`, relative to `explained`."""
        difference = sum(word.score for word in self.words) - self.explained
        return abs(difference) / max(abs(self.explained), 1e-6)


def by_words(text: str, pieces: Iterable[Stretch]) -> list[Stretch]:
    """Return the words of a text that pieces overlap, with their scores, in the order of the text.

    The score of a piece is divided among its words by the number of their characters in it, so that the sum of all
    scores stays the same. A piece between words, such as a line break that is a token, is a word of its own.
    """
    words = [match.span() for match in WORD.finditer(text)]
    of_character = np.full(len(text), -1)
    for number, (start, end) in enumerate(words):
        of_character[start:end] = number
    scores: dict[tuple[int, int], float] = {}
    for piece in pieces:
        numbers = of_character[piece.start : piece.end]
        found, counts = np.unique(numbers[numbers >= 0], return_counts=True)
        shares = {words[n]: c for n, c in zip(found, (counts / counts.sum()).tolist(), strict=True)}
        for span, share in (shares or {(piece.start, piece.end): 1.0}).items():
            scores[span] = scores.get(span, 0.0) + share * piece.score
    return [Stretch(start, end, score) for (start, end), score in sorted(scores.items())]
