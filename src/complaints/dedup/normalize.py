"""Normalised texts: exact duplicates share their normal form and its hash."""

import hashlib
import re

KEY_BYTES = 8

# A run of capital X. The first X precedes the look-behind because a pattern that starts with a literal is searched many
# times faster.
_RUN = r"X(?<![A-Za-z]X)X+"
_NO_LETTER = r"(?![A-Za-z])"

REDACTED = re.compile(_RUN + _NO_LETTER)
"""A run of capital X in place of redacted words. No letter may touch it, so names such as Maxx and XXL do not match."""

# A redacted date is XX/XX/XXXX or, if the year is kept, XX/XX/2016; a redacted amount is {$12.00}.
_MARK = re.compile(_RUN + r"(?:/X{2,}/(?:X{2,}|\d{2,4}))?" + _NO_LETTER)
_AMOUNT = re.compile(r"\{\$[\d,. ]*\}")
_MARKS = re.compile(r"#(?:\s*#)+")
_WORD = re.compile(r"\w")
# Joiners, direction marks, soft hyphens, the byte order mark: texts that differ only in these look the same.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def normalize_text(text: str) -> str:
    """Return the normal form of a text, which its exact duplicates share.

    Redacted words, dates and amounts become one `#`, however many follow each other, because each filing of a template
    letter is redacted separately. Zero-width characters are removed, case is folded and white space is collapsed.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join(_MARKS.sub("#", _AMOUNT.sub("#", _MARK.sub("#", text))).casefold().split())


def text_key(normal: str, row_id: str) -> int:
    """Return the 64-bit key of a text, which its exact duplicates share, given its normal form.

    Equal normal forms of only marks and punctuation do not prove duplication, so their key is a hash of `row_id`.
    Among four million texts, the probability of any collision is below one in a million.
    """
    # A normal form has no line break, so the two kinds of key have distinct sources.
    source = normal if _WORD.search(normal) else f"\n{row_id}"
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:KEY_BYTES], "big")
