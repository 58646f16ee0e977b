"""What a complaint's text is made of: its words, its redaction marks, and the key that its copies share."""

import hashlib
import re
from collections.abc import Iterator

import pyarrow as pa

BATCH_ROWS = 8192
KEY_BYTES = 8

REDACTED = re.compile(r"X(?<![A-Za-z]X)X+(?![A-Za-z])")
"""A run of capital X that stands for removed words; no letter may touch it, which keeps names such as Maxx and XXL.

The first X stands before the look-behind because a pattern that begins with a letter is searched many times faster.
"""

# Dates become XX/XX/XXXX or, with the year left in, XX/XX/2016; amounts become {$12.00}.
_MARK = re.compile(r"X(?<![A-Za-z]X)X+(?:/X{2,}/(?:X{2,}|\d{2,4}))?(?![A-Za-z])")
_AMOUNT = re.compile(r"\{\$[\d,. ]*\}")
_MARKS = re.compile(r"#(?:\s*#)+")
_WORD = re.compile(r"\w")
# Joiners, direction marks, soft hyphens, the byte order mark: two texts that differ in these look the same.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def count_words(text: str) -> int:
    """Return the number of words, which are runs of anything but white space."""
    return len(text.split())


def normalise(text: str) -> str:
    """Return the form that copies of a text share.

    Redacted words and dates and amounts become one `#` however many stand in a row, since each filing of a template
    letter is redacted anew; then characters without a width are dropped, case is folded and white space is collapsed.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join(_MARKS.sub("#", _AMOUNT.sub("#", _MARK.sub("#", text))).casefold().split())


def text_key(normal: str, row_id: str) -> int:
    """Return the key, of 64 bits, that all copies of a text have in common, given its normalised form.

    A text that normalises to nothing but marks and punctuation says nothing about being a copy: it gets a key of its
    own, made from `row_id`. At four million texts the odds that any two keys collide are below one in a million.
    """
    # No normalised text holds a line break, so that the two kinds of key cannot meet.
    source = normal if _WORD.search(normal) else f"\n{row_id}"
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:KEY_BYTES], "big")


def each_text(texts: pa.ChunkedArray) -> Iterator[str]:
    """Yield the strings of a column one by one, without ever holding all of them as Python objects."""
    for chunk in texts.chunks:
        for start in range(0, len(chunk), BATCH_ROWS):
            yield from chunk.slice(start, BATCH_ROWS).to_pylist()


def group_keys(texts: pa.ChunkedArray, row_ids: pa.ChunkedArray) -> Iterator[str]:
    """Yield the key of each row's text, as 16 hexadecimal digits."""
    for text, row_id in zip(each_text(texts), each_text(row_ids), strict=True):
        yield f"{text_key(normalise(text), row_id):016x}"
