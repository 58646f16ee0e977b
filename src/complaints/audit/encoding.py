"""Damage to the characters of a text: wrong decoding, lost characters, control characters, HTML left in."""

import pyarrow as pa
import pyarrow.compute as pc


def _shown_as(first: int, last: int) -> str:
    """Return the characters that a range of bytes shows as when read as Windows-1252 or Latin-1, in RE2's syntax."""
    data = bytes(range(first, last + 1))
    characters = sorted(set(data.decode("cp1252", errors="ignore") + data.decode("latin-1")))
    return "".join(f"\\x{{{ord(character):x}}}" for character in characters)


# UTF-8 read as Windows-1252 shows each character as its two to four bytes. Of the bytes that lead two, only those of
# Latin and Cyrillic letters count (C2, C3, D0, D1): "CAFÉ”" is sound, though É and ” are the bytes of a letter, too.
_NEXT = f"[{_shown_as(0x80, 0xBF)}]"
_MOJIBAKE = (
    f"[\\x{{c2}}\\x{{c3}}\\x{{d0}}\\x{{d1}}]{_NEXT}|[{_shown_as(0xE0, 0xEF)}]{_NEXT}{{2}}"
    f"|[{_shown_as(0xF0, 0xF4)}]{_NEXT}{{3}}"
)
_ENTITY = r"&(?:amp|quot|apos|lt|gt|nbsp|#[0-9]{1,6}|#x[0-9a-f]{1,5});"
_TAG = r"</?(?:br|p|div|span|b|i|a|ul|li|font)(?:\s+[a-z-]+=[^<>]{0,200})?\s*/?>"

PATTERNS = {
    "control": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{80}-\x{9f}]",
    "html": f"(?i){_ENTITY}|{_TAG}",
    "mojibake": _MOJIBAKE,
    "replacement": "\ufffd",
}
"""Kind of damage -> what it looks like, in RE2's syntax."""


def damaged(texts: pa.Array, kind: str) -> pa.Array:
    """Return, for each text, whether it has damage of a kind of PATTERNS."""
    return pc.match_substring_regex(texts, PATTERNS[kind])
