"""Texts in other languages than English, found by their lack of English function words first."""

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from py3langid.langid import MODEL_FILE, LanguageIdentifier

ENGLISH_SHARE = 0.1
"""A text with at least this share of English function words among its words is taken for English."""

LEAST_WORDS = 6
"""The language of a text with fewer words than this, redaction marks aside, is not told."""

MOST_CHARACTERS = 2000
"""So much of a text is enough to tell its language."""

LEAST_PROBABILITY = 0.3
"""How sure the identifier must be of another language; short Spanish has some Galician and Catalan in it, too."""

# None of these is a frequent word of Spanish, French, Portuguese, German or Tagalog.
_FUNCTION_WORDS = r"(?i)\b(?:the|to|and|of|my|is|that|have|for|this|with|they|it|not|are|from|were|been)\b"
_NO_LANGUAGE = re.compile(r"\S*(?:X{2,}|[0-9@]|//)\S*")


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language, `en` where nothing else is certain."""
    code, probability = _identifier().classify(" ".join(_NO_LANGUAGE.sub(" ", text[:MOST_CHARACTERS]).split()).lower())
    return code if probability >= LEAST_PROBABILITY else "en"


def other_languages(texts: pa.Array, words: np.ndarray) -> Iterator[tuple[int, str]]:
    """Yield index and language of each text in another language than English; `words` has each text's plain words."""
    function_words = pc.count_substring_regex(texts, _FUNCTION_WORDS).to_numpy()
    doubtful = (words >= LEAST_WORDS) & (function_words < ENGLISH_SHARE * words)
    for index in np.flatnonzero(doubtful):
        code = language(texts[index].as_py())
        if code != "en":
            yield int(index), code
