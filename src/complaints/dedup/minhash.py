"""MinHash signatures of texts (Broder 1997), stable when texts are added, and the buckets of similar texts.

Broder 1997, "On the resemblance and containment of documents"; resemblance is the Jaccard similarity of shingle sets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

SHINGLE_WORDS = 2
"""A shingle is this many consecutive words; a text is compared by its set of shingles."""

MIN_SHINGLES = 8
"""A text with fewer shingles gets no signature: one changed word would leave too few shingles to compare."""

HASHES = 96
"""Hashes in a signature. They estimate a Jaccard similarity of 0.5 with a standard error of 0.05."""

BANDS, BAND_ROWS = 14, 4
"""Texts of Jaccard similarity J share a bucket with probability 1 - (1 - J^4)^14: 0.98 at 0.7, 0.11 at 0.3."""

BATCH_CHARACTERS = 2**20

_BASE = np.uint64(0x9E3779B97F4A7C15)

_SEEDS = np.random.default_rng(20150319).integers(1, 2**32, (2, HASHES), dtype=np.uint32) | np.uint32(1)


@dataclass(frozen=True)
class Signatures:
    """Signatures of the n texts that have at least MIN_SHINGLES shingles."""

    rows: np.ndarray
    """int64 [n]: indices of the texts, ascending."""
    buckets: np.ndarray
    """uint32 [n, BANDS]: one bucket of similar texts per band."""
    sketches: np.ndarray
    """uint8 [n, HASHES]: the lowest 8 bits of each hash."""


def sign_texts(texts: list[str]) -> Iterator[Signatures]:
    """Yield the signatures of normalised texts, computed over at most BATCH_CHARACTERS or one longer text at a time."""
    for batch in _slices(texts):
        hashes, rows = _minhashes(pa.array(texts[batch], pa.string()))
        bands = np.zeros((BANDS, len(rows)), np.uint64)
        for row in range(BAND_ROWS):
            bands = bands * _BASE + hashes[row * BANDS : (row + 1) * BANDS]
        # 32 bits suffice for a bucket and 8 bits for a hash: comparing sketches rejects accidental matches.
        buckets = (_mix(bands) >> np.uint64(32)).astype(np.uint32).T
        yield Signatures(rows + batch.start, buckets, hashes.astype(np.uint8).T)


def estimate_jaccard(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the estimated Jaccard similarity of each pair of sketches, float64 [n], both uint8 [n, HASHES].

    Li and König 2010, "b-Bit Minwise Hashing", with b = 8: unequal hashes agree in 8 bits with probability 1/256.
    """
    accidental = 1 / 256
    equal = np.mean(left == right, axis=1)
    return (equal - accidental) / (1 - accidental)


def _slices(texts: list[str]) -> Iterator[slice]:
    start = characters = 0
    for index, text in enumerate(texts):
        if characters and characters + len(text) > BATCH_CHARACTERS:
            yield slice(start, index)
            start, characters = index, 0
        characters += len(text)
    yield slice(start, len(texts))


def _mix(values: np.ndarray) -> np.ndarray:
    """Scatter uint64 values evenly over their range (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@lru_cache(maxsize=4)
def _powers(base: int, count: int) -> np.ndarray:
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def _word_hashes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the hash of each word of normalised texts, uint64 [words], and the index of its text, int64 [words].

    A word's hash is a polynomial in its bytes. It comes from running sums over all bytes, without a loop over words.
    """
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    space = data == ord(" ")
    # A word begins after a space and at the first byte of a text; an empty text has no words.
    begins = np.zeros(len(data) + 1, bool)
    begins[1:] = np.append(space, True)[: len(data)]
    begins[offsets[:-1][np.diff(offsets) > 0]] = True
    starts = np.flatnonzero(begins[: len(data)])
    is_end = np.append(space, False)
    is_end[offsets[1:][np.diff(offsets) > 0]] = True
    ends = np.flatnonzero(is_end)
    # One cached table serves all batches up to BATCH_CHARACTERS; only a longer text needs another.
    count = 1 << max(len(data), BATCH_CHARACTERS).bit_length()
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data + np.uint64(1)) * _powers(int(_BASE), count)[: len(data)], out=sums[1:])
    # Dividing by the base's power at the start makes the hash independent of the word's position.
    inverse = _powers(pow(int(_BASE), -1, 2**64), count)
    return _mix((sums[ends] - sums[starts]) * inverse[starts]), np.searchsorted(offsets, starts, side="right") - 1


def _minhashes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the n signatures, uint32 [HASHES, n], and the indices of their texts, int64 [n], ascending."""
    words, text_of_word = _word_hashes(texts)
    count = max(len(words) - SHINGLE_WORDS + 1, 0)
    shingles = np.zeros(count, np.uint64)
    for offset in range(SHINGLE_WORDS):
        shingles = shingles * _BASE + words[offset : offset + count]
    within = text_of_word[:count] == text_of_word[len(words) - count :]
    shingles, text = (_mix(shingles[within]) >> np.uint64(32)).astype(np.uint32), text_of_word[:count][within]
    sizes = np.bincount(text, minlength=len(texts))
    rows = np.flatnonzero(sizes >= MIN_SHINGLES)
    shingles = shingles[sizes[text] >= MIN_SHINGLES]
    if not len(rows):
        return np.empty((HASHES, 0), np.uint32), rows
    starts = np.concatenate([[0], np.cumsum(sizes[rows])[:-1]])
    hashes = np.empty((HASHES, len(rows)), np.uint32)
    scrambled = np.empty_like(shingles)
    for number, (shift, factor) in enumerate(_SEEDS.T):
        np.bitwise_xor(shingles, shift, out=scrambled)
        np.multiply(scrambled, factor, out=scrambled)
        scrambled ^= scrambled >> np.uint32(15)
        np.multiply(scrambled, factor, out=scrambled)
        np.minimum.reduceat(scrambled, starts, out=hashes[number])
    return hashes, rows
