"""Texts in languages other than English, identified among the texts with few English function words."""

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from py3langid.langid import MODEL_FILE, LanguageIdentifier

ENGLISH_SHARE = 0.1
"""A text counts as English if at least this share of its words are English function words."""

LEAST_WORDS = 6
"""Texts with fewer words than this, without redaction marks, are too short for an identification."""

MOST_CHARACTERS = 2000
"""The language is identified from at most this many characters."""

LEAST_PROBABILITY = 0.3
"""Minimum probability of another language; it is low because short Spanish texts share it with Galician and Catalan."""

# None of these is a frequent word of Spanish, French, Portuguese, German or Tagalog.
_FUNCTION_WORDS = r"(?i)\b(?:the|to|and|of|my|is|that|have|for|this|with|they|it|not|are|from|were|been)\b"
_WITHOUT_LANGUAGE = re.compile(r"\S*(?:X{2,}|[0-9@]|//)\S*")


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language, `en` if no other language is probable enough."""
    words = " ".join(_WITHOUT_LANGUAGE.sub(" ", text[:MOST_CHARACTERS]).split()).lower()
    code, probability = _identifier().classify(words)
    return code if probability >= LEAST_PROBABILITY else "en"


def other_languages(texts: pa.Array, words: np.ndarray) -> Iterator[tuple[int, str]]:
    """Yield the index and the language of each text in a language other than English.

    Args:
        texts: The texts [rows].
        words: The number of words of each text, without redacted ones [rows].
    """
    function_words = pc.count_substring_regex(texts, _FUNCTION_WORDS).to_numpy()
    doubtful = (words >= LEAST_WORDS) & (function_words < ENGLISH_SHARE * words)
    for index in np.flatnonzero(doubtful):
        code = language(texts[index].as_py())
        if code != "en":
            yield int(index), code
