"""Label names without the differences that nobody can see."""

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc


def even_out(labels: pa.Array) -> pa.Array:
    """Return label names as they look: two that look alike become equal, one that shows nothing becomes null.

    A label is one of a form's fixed choices, so an invisible difference is damage from a copy or an export and would
    make a class of its own. Format characters (zero-width space and joiner, byte order mark, soft hyphen, marks of
    direction) go; white space of any kind (no-break space, line end) and control characters become one space, none at
    either end; letters and accents are composed (Unicode NFC). Case and punctuation stay.

    Args:
        labels: strings [rows], null where there is none.
    """
    # A column has few distinct labels; they are worked on once each.
    coded = labels.dictionary_encode()
    names = pc.replace_substring_regex(coded.dictionary, r"\p{Cf}+", "")
    # Arrow's utf8_normalize leaves accents apart, whichever form it is asked for.
    names = pa.array([unicodedata.normalize("NFC", name) for name in names.to_pylist()], pa.string())
    names = pc.utf8_trim_whitespace(pc.replace_substring_regex(names, r"[\p{Cc}\p{Z}]+", " "))
    names = pc.if_else(pc.equal(names, ""), pa.scalar(None, pa.string()), names)
    return names.take(coded.indices)
