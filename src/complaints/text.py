"""What a complaint's text is made of: its words, its redaction marks, and the key that its copies share."""

import hashlib
import re
from collections.abc import Iterable, Iterator

import pyarrow as pa

BATCH_ROWS = 8192
KEY_CHARACTERS = 16

REDACTED = re.compile(r"X(?<![A-Za-z]X)X+(?![A-Za-z])")
"""A run of capital X that stands for removed words; no letter may touch it, which keeps names such as Maxx and XXL.

The first X stands before the look-behind because a pattern that begins with a letter is searched many times faster.
"""

# Dates become XX/XX/XXXX or, with the year left in, XX/XX/2016; amounts become {$12.00}.
_MARK = re.compile(r"X(?<![A-Za-z]X)X+(?:/X{2,}/(?:X{2,}|\d{2,4}))?(?![A-Za-z])")
_AMOUNT = re.compile(r"\{\$[\d,. ]*\}")
_MARKS = re.compile(r"#(?:\s*#)+")
_WORD = re.compile(r"\w")


def count_words(text: str) -> int:
    """Return the number of words, which are runs of anything but white space."""
    return len(text.split())


def normalise(text: str) -> str:
    """Return the form that copies of a text share.

    Redacted words and dates and amounts become one `#` however many stand in a row, since each filing of a template
    letter is redacted anew; then case is folded and white space is collapsed.
    """
    return " ".join(_MARKS.sub("#", _AMOUNT.sub("#", _MARK.sub("#", text))).casefold().split())


def group_key(text: str, row_id: str) -> str:
    """Return the key, of 16 hexadecimal digits, that all copies of a text have in common.

    A text that normalises to nothing but marks and punctuation says nothing about being a copy: it gets a key of its
    own, made from `row_id`. At four million texts the odds that any two keys collide are below one in a million.
    """
    normal = normalise(text)
    # No normalised text holds a line break, so that the two kinds of key cannot meet.
    source = normal if _WORD.search(normal) else f"\n{row_id}"
    return hashlib.sha256(source.encode()).hexdigest()[:KEY_CHARACTERS]


def each_text(texts: pa.ChunkedArray) -> Iterator[str]:
    """Yield the strings of a column one by one, without ever holding all of them as Python objects."""
    for chunk in texts.chunks:
        for start in range(0, len(chunk), BATCH_ROWS):
            yield from chunk.slice(start, BATCH_ROWS).to_pylist()


def group_keys(texts: pa.ChunkedArray, row_ids: pa.ChunkedArray) -> Iterable[str]:
    """Yield the group key of each row."""
    return map(group_key, each_text(texts), each_text(row_ids))
