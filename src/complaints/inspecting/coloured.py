"""Coloured text: the words of a complaint with marks for their shares, which say their sign without colour too."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from complaints.attribution.words import Stretch
from complaints.text import pii

LEVELS = (0.1, 0.33, 0.66)
"""Parts of the largest share of a text from which on a word has a mark of level 1, 2 and 3."""
MOST_CHARACTERS = 1500
"""Characters of a text that are shown at most."""
ELLIPSIS = " … "


@dataclass(frozen=True)
class Mark:
    """A stretch of a text as it is shown."""

    text: str
    kind: str = ""
    """CSS class: sign and level, such as `for3` or `against1`; "" for a stretch without a mark."""
    number: str = ""
    """The share of a marked word, with its sign if shares have one."""


def without_personal_data(text: str) -> str:
    """Return a text of the same length; where it has personal data, X stands for all that has a digit or an @."""
    if not pii.find(text):
        return text
    return re.sub(r"\S*[\d@]\S*", lambda match: "X" * len(match[0]), text)


def coloured(
    text: str, words: Sequence[Stretch], kinds: tuple[str, ...] = ("for", "against"), cut: bool = True
) -> list[Mark]:
    """Return a text in stretches.

    Args:
        text: The text.
        words: Its words with their shares, in the order of the text.
        kinds: Names of positive and of negative shares; one name alone for shares without a sign.
        cut: Whether words without a share were cut off before the model read the text: an ellipsis stands for them.
    """
    shown = without_personal_data(text)
    largest = max((abs(word.score) for word in words), default=0.0)
    marks: list[Mark] = []
    end = 0
    for word in words:
        if word.end > MOST_CHARACTERS:
            break
        marks.append(Mark(_between(shown[end : word.start], cut)))
        marks.append(_mark(shown[word.start : word.end], word.score, largest, kinds))
        end = word.end
    rest = shown[end:]
    marks.append(Mark(ELLIPSIS if len(shown) > MOST_CHARACTERS else _between(rest, cut)))
    return [mark for mark in marks if mark.text]


def _between(gap: str, cut: bool) -> str:
    return ELLIPSIS if cut and re.search(r"\w", gap) else gap


def _mark(text: str, share: float, largest: float, kinds: tuple[str, ...]) -> Mark:
    level = sum(abs(share) >= part * largest for part in LEVELS) if largest else 0
    if not level or not text.strip():
        return Mark(text)
    return Mark(text, f"{kinds[share < 0]}{level}", f"{share:{'+' if len(kinds) > 1 else ''}.2f}")
