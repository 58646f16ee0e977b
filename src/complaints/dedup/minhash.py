"""MinHash signatures of texts (Broder 1997), stable when texts are added."""

from functools import lru_cache

import numpy as np
import pyarrow as pa

SHINGLE_WORDS = 2
"""Texts are compared by their sets of this many consecutive words."""

MIN_SHINGLES = 8
"""A text with fewer is a copy only of its equals: a changed word would leave too little to go by."""

HASHES = 96
"""The resemblance of two texts that meet is estimated from this many hashes: at 0.5 with a standard error of 0.05."""

BATCH_CHARACTERS = 2**20

BASE = np.uint64(0x9E3779B97F4A7C15)

_SEEDS = np.random.default_rng(20150319).integers(1, 2**32, (2, HASHES), dtype=np.uint32) | np.uint32(1)


def mix(values: np.ndarray) -> np.ndarray:
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
    """Return the hash of each word (uint64 [words]) of normalised texts, and the text that each stands in.

    A word's hash is a polynomial in its bytes, taken from running sums over all bytes so that no word is touched alone.
    """
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    space = data == ord(" ")
    # A word begins after a space and where a text begins; empty texts have none.
    begins = np.zeros(len(data) + 1, bool)
    begins[1:] = np.append(space, True)[: len(data)]
    begins[offsets[:-1][np.diff(offsets) > 0]] = True
    starts = np.flatnonzero(begins[: len(data)])
    is_end = np.append(space, False)
    is_end[offsets[1:][np.diff(offsets) > 0]] = True
    ends = np.flatnonzero(is_end)
    # Powers are made once for all batches up to BATCH_CHARACTERS, and anew for a longer text.
    count = 1 << max(len(data), BATCH_CHARACTERS).bit_length()
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data + np.uint64(1)) * _powers(int(BASE), count)[: len(data)], out=sums[1:])
    # Dividing by the base's power at the start makes the hash independent of where the word stands.
    inverse = _powers(pow(int(BASE), -1, 2**64), count)
    return mix((sums[ends] - sums[starts]) * inverse[starts]), np.searchsorted(offsets, starts, side="right") - 1


def minhashes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the MinHash signatures (uint32 [hashes, n]) of the n normalised texts that are long enough, and which.

    Broder 1997, "On the resemblance and containment of documents".
    """
    words, text_of_word = _word_hashes(texts)
    count = max(len(words) - SHINGLE_WORDS + 1, 0)
    shingles = np.zeros(count, np.uint64)
    for place in range(SHINGLE_WORDS):
        shingles = shingles * BASE + words[place : place + count]
    within = text_of_word[:count] == text_of_word[len(words) - count :]
    shingles, text = (mix(shingles[within]) >> np.uint64(32)).astype(np.uint32), text_of_word[:count][within]
    sizes = np.bincount(text, minlength=len(texts))
    long = np.flatnonzero(sizes >= MIN_SHINGLES)
    shingles = shingles[sizes[text] >= MIN_SHINGLES]
    if not len(long):
        return np.empty((HASHES, 0), np.uint32), long
    starts = np.concatenate([[0], np.cumsum(sizes[long])[:-1]])
    signatures = np.empty((HASHES, len(long)), np.uint32)
    scrambled = np.empty_like(shingles)
    for number, (shift, factor) in enumerate(_SEEDS.T):
        np.bitwise_xor(shingles, shift, out=scrambled)
        np.multiply(scrambled, factor, out=scrambled)
        scrambled ^= scrambled >> np.uint32(15)
        np.multiply(scrambled, factor, out=scrambled)
        np.minimum.reduceat(scrambled, starts, out=signatures[number])
    return signatures, long
