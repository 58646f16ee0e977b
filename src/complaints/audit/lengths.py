"""Lengths of texts in words and tokens, and the share of words that are redacted."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

WORD_EDGES = (0, 1, 3, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000)
"""Lower ends of the bins of word counts; fixed, so that audits of different data can be compared."""

PERCENTILES = (5, 25, 50, 75, 95, 99)
TOKENIZER_BATCH = 500

# In RE2's syntax: a word with a run of capital X that touches no letter (see dedup.normalize.REDACTED).
_REDACTED_WORD = r"\S*(?:\b|[0-9_])XX+(?:\b|[0-9_])\S*"


def count_words(texts: pa.Array) -> np.ndarray:
    """Return the number of words (runs of characters other than white space) of each text, int32 [rows]."""
    return np.fromiter((len(text.split()) for text in texts.to_pylist()), np.int32, len(texts))


def count_redacted_words(texts: pa.Array) -> np.ndarray:
    """Return the number of words with a redaction mark such as XXXX in each text, int32 [rows]."""
    return pc.count_substring_regex(texts, _REDACTED_WORD).to_numpy().astype(np.int32)


def percentiles(counts: np.ndarray) -> dict[str, int]:
    """Return the minimum, PERCENTILES and the maximum of at least one count; each is a count that occurs."""
    values = np.percentile(counts, PERCENTILES, method="inverted_cdf")
    numbers = {f"p{percent:02}": int(value) for percent, value in zip(PERCENTILES, values, strict=True)}
    return {"min": int(counts.min()), **numbers, "max": int(counts.max())}


def histogram(words: np.ndarray) -> list[tuple[int, int, int]]:
    """Return (fewest words, most words, texts) for each bin of WORD_EDGES up to the last that is not empty."""
    counts = np.histogram(words, bins=[*WORD_EDGES, np.inf])[0]
    last = int(np.flatnonzero(counts)[-1])
    ends = [edge - 1 for edge in WORD_EDGES[1:]]
    ends.append(max(int(words.max()), WORD_EDGES[-1]))
    return [(WORD_EDGES[i], ends[i], int(counts[i])) for i in range(last + 1)]


def redaction_numbers(words: np.ndarray, redacted: np.ndarray) -> dict[str, float | int]:
    """Return the shares of texts with redacted words and of redacted words, and the number of half-redacted texts.

    Args:
        words: The number of words of each text, at least 1 [rows].
        redacted: The number of redacted words of each text [rows].
    """
    return {
        "texts_share": round(float(np.mean(redacted > 0)), 4),
        "words_share": round(float(redacted.sum() / words.sum()), 4),
        "half_redacted": int(np.sum(2 * redacted >= words)),
    }


@dataclass
class EvenSample:
    """A sample of at most `size` texts, chosen by the hash of their row ids, so that their order has no effect."""

    size: int
    _hashes: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    _texts: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))

    def add(self, texts: pa.Array, row_ids: pa.Array) -> None:
        """Add texts to those that the sample is drawn from."""
        digests = b"".join(hashlib.blake2b(row.encode(), digest_size=8).digest() for row in row_ids.to_pylist())
        hashes = np.frombuffer(digests, np.uint64)
        if len(self._hashes) == self.size:
            lower = np.flatnonzero(hashes < self._hashes.max())
            hashes, texts = hashes[lower], texts.take(lower)
        self._hashes = np.concatenate([self._hashes, hashes])
        self._texts = pa.concat_arrays([self._texts, texts])
        if len(self._hashes) > self.size:
            kept = np.argsort(self._hashes, kind="stable")[: self.size]
            self._hashes, self._texts = self._hashes[kept], self._texts.take(kept)

    def texts(self) -> Iterator[list[str]]:
        """Yield the chosen texts in the order of their hashes, in lists of at most TOKENIZER_BATCH."""
        ordered = self._texts.take(np.argsort(self._hashes, kind="stable"))
        for start in range(0, len(ordered), TOKENIZER_BATCH):
            yield ordered.slice(start, TOKENIZER_BATCH).to_pylist()


def token_numbers(tokenizer: Tokenizer, sample: EvenSample, max_lengths: Sequence[int]) -> dict[str, Any]:
    """Return the distribution of token counts in a sample, and the share of texts that each maximum length truncates.

    Special tokens count.
    """
    counts: list[int] = []
    for texts in sample.texts():
        counts += map(len, tokenizer.encode_batch_fast(texts))
    tokens = np.array(counts)
    truncated = {str(length): round(float(np.mean(tokens > length)), 4) for length in sorted(max_lengths)}
    return {"sample": len(tokens), **percentiles(tokens), "truncated_share": truncated}
