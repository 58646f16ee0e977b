"""Normalisation of label names: names that look alike become equal."""

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc


def normalize_label_names(labels: pa.Array) -> pa.Array:
    """Return label names without invisible differences; a name without a visible character becomes null.

    A label is one of a form's fixed choices. An invisible difference is damage from copying or exporting, and would
    make a class of its own. Format characters (zero-width space and joiner, byte order mark, soft hyphen, direction
    marks) are removed. Runs of white space (no-break spaces and line ends too) and control characters become one space,
    and are removed at both ends. Letters and accents are composed (Unicode NFC). Case and punctuation stay.

    Args:
        labels: strings [rows], null where a row has no label.
    """
    # A column has few distinct labels, so each is normalised once.
    coded = labels.dictionary_encode()
    names = pc.replace_substring_regex(coded.dictionary, r"\p{Cf}+", "")
    # Arrow's utf8_normalize does not compose accents, not even with form="NFC".
    names = pa.array([unicodedata.normalize("NFC", name) for name in names.to_pylist()], pa.string())
    names = pc.utf8_trim_whitespace(pc.replace_substring_regex(names, r"[\p{Cc}\p{Z}]+", " "))
    names = pc.if_else(pc.equal(names, ""), pa.scalar(None, pa.string()), names)
    return names.take(coded.indices)
