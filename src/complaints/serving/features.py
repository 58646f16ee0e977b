"""Features of a text that the inference log keeps in place of it: length, words, and words of the training texts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from complaints.core.parquet import parquet_batches

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
VOCABULARY_ROWS = 200_000
"""Training texts whose words are known, the first of the split: a bound for time and memory."""


@dataclass(frozen=True)
class TextFeatures:
    """Counts of one text."""

    characters: int
    words: int
    unknown_words: int | None
    """Words that no training text has; None if the training texts are not there."""

    @property
    def unknown_share(self) -> float | None:
        """Return the out-of-vocabulary share; None if it is not known or there is no word."""
        return None if self.unknown_words is None or not self.words else self.unknown_words / self.words


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case, without numbers."""
    return [match.group().lower() for match in _WORD.finditer(text)]


def vocabulary(train: Path) -> frozenset[str] | None:
    """Return the words of the training texts; None if the split is not there."""
    if not train.is_file():
        return None
    found: set[str] = set()
    rows = 0
    for batch in parquet_batches(train, ["text"]):
        for text in batch["text"].to_pylist():
            found.update(words_of(text))
        rows += batch.num_rows
        if rows >= VOCABULARY_ROWS:
            break
    return frozenset(found)


def text_features(texts: Iterable[str], known: frozenset[str] | None) -> list[TextFeatures]:
    """Return the features of texts."""
    result = []
    for text in texts:
        words = words_of(text)
        unknown = None if known is None else sum(word not in known for word in words)
        result.append(TextFeatures(len(text), len(words), unknown))
    return result
