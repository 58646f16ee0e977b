"""Excerpts of withdrawn complaints: the beginnings of texts, as pages and tables of the pipeline quote them."""

import re
from collections.abc import Collection, Iterable
from itertools import islice, takewhile

from complaints.text.pii import mask

SHORTEST_TEXT = 20
"""A text with fewer letters and digits, redactions aside, is recognised as a whole string alone, not within another."""
SHORTEST_EXCERPT = 60
"""Letters and digits of the shortest beginning that is searched for; the pipeline quotes 200 or 400 characters."""

_GAP = re.compile(r"[\W_]+")


def letters(text: str) -> str:
    """Return the letters and digits of a text in lower case: its form in which escapes and spaces do not count."""
    return _GAP.sub("", text.casefold())


def _is_telling(form: str) -> bool:
    return len(form) - form.count("x") >= SHORTEST_TEXT


def spellings(text: str) -> set[str]:
    """Return the letters of a text as it is, and as pages show it, with personal data masked.

    Texts that are too short to be recognised within others have none.
    """
    return {form for form in (letters(text), letters(mask(text)[0])) if _is_telling(form)}


def _agreement(form: str, shortest: int, other: str) -> int:
    """Return the length of the longest beginning of `form` that is anywhere in `other`; 0 if it is too short."""
    length, begin = 0, other.find(form[:shortest])
    while begin >= 0:
        pairs = zip(form, islice(other, begin, None), strict=False)
        length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        begin = other.find(form[: length + 1], begin + 1) if length < len(form) else -1
    return length


def openings(texts: Collection[str], remaining: Iterable[str]) -> set[str]:
    """Return the shortest beginning of each text that is in no complaint that remains, as `letters`.

    Template letters begin alike: words that a remaining complaint has too do not tell that a withdrawn one is quoted.

    Args:
        texts: Withdrawn texts.
        remaining: The texts of the complaints that remain; read only if a withdrawn text is long enough.
    """
    least: dict[str, int] = {}
    for form in {form for text in texts for form in spellings(text)}:
        lengths = (n for n in range(SHORTEST_EXCERPT, len(form) + 1) if _is_telling(form[:n]))
        if (shortest := next(lengths, None)) is not None:
            least[form] = shortest
    needed = dict(least)
    for text in remaining if least else ():
        other = letters(text)
        for form, shortest in least.items():
            needed[form] = max(needed[form], _agreement(form, shortest, other) + 1)
    return {form[:length] for form, length in needed.items() if length <= len(form)}
