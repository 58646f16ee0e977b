"""Damaged characters in texts: wrong decoding, lost characters, control characters, HTML markup."""

import pyarrow as pa
import pyarrow.compute as pc


def _misread_bytes(first: int, last: int) -> str:
    """Return the characters that a range of bytes becomes in Windows-1252 or Latin-1, as an RE2 character class."""
    data = bytes(range(first, last + 1))
    characters = sorted(set(data.decode("cp1252", errors="ignore") + data.decode("latin-1")))
    return "[" + "".join(f"\\x{{{ord(character):x}}}" for character in characters) + "]"


# UTF-8 read as Windows-1252 shows each character as its two to four bytes. Of the first bytes of two-byte characters
# only those of Latin and Cyrillic letters count (C2, C3, D0, D1): "CAFÉ”" is undamaged, though É and ” are the two
# bytes of a letter.
_NEXT = _misread_bytes(0x80, 0xBF)
_MOJIBAKE = (
    f"[\\x{{c2}}\\x{{c3}}\\x{{d0}}\\x{{d1}}]{_NEXT}|{_misread_bytes(0xE0, 0xEF)}{_NEXT}{{2}}"
    f"|{_misread_bytes(0xF0, 0xF4)}{_NEXT}{{3}}"
)
_ENTITY = r"&(?:amp|quot|apos|lt|gt|nbsp|#[0-9]{1,6}|#x[0-9a-f]{1,5});"
_TAG = r"</?(?:br|p|div|span|b|i|a|ul|li|font)(?:\s+[a-z-]+=[^<>]{0,200})?\s*/?>"

PATTERNS = {
    "control": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{80}-\x{9f}]",
    "html": f"(?i){_ENTITY}|{_TAG}",
    "mojibake": _MOJIBAKE,
    "replacement": "\ufffd",
}
"""Kind of damage -> regular expression that finds it, in RE2's syntax."""


def damaged(texts: pa.Array, kind: str) -> pa.Array:
    """Return whether each text has damage of a kind of PATTERNS, bool [rows]."""
    return pc.match_substring_regex(texts, PATTERNS[kind])
