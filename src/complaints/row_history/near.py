"""Search for the duplicates of texts among all texts of the index, as stage split defines them.

Exact duplicates have the same normal form. Near duplicates share a bucket, and the estimate of their Jaccard similarity
is at least NEAR_DUPLICATE_JACCARD (complaints.dedup).
"""

from collections import defaultdict

import numpy as np

from complaints.dedup.clusters import NEAR_DUPLICATE_JACCARD
from complaints.dedup.minhash import BANDS, estimate_jaccard
from complaints.row_history.facts import Signatures
from complaints.row_history.index import Index


def signatures_by_hash(index: Index, hashes: set[bytes]) -> Signatures:
    """Return the signatures of the texts with these hashes, those that the index has."""
    found: list[Signatures] = []
    for chunk in index.signatures():
        rows = [row for row, text in enumerate(chunk.texts) if text.tobytes() in hashes] if hashes else []
        found.append(_take(chunk, np.array(rows, np.int64)))
    return _concatenate(found)


def _take(chunk: Signatures, rows: np.ndarray) -> Signatures:
    return Signatures(chunk.texts[rows], chunk.keys[rows], chunk.buckets[rows], chunk.sketches[rows])


def _concatenate(chunks: list[Signatures]) -> Signatures:
    from complaints.row_history.loading import signatures_of

    chunks = [signatures_of([]), *chunks]
    return Signatures(
        np.concatenate([chunk.texts for chunk in chunks]),
        np.concatenate([chunk.keys for chunk in chunks]),
        np.concatenate([chunk.buckets for chunk in chunks]),
        np.concatenate([chunk.sketches for chunk in chunks]),
    )


def _equal_pairs(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (in `left`, in `right`) of equal values other than 0, for a short `right`."""
    order = np.argsort(right, kind="stable")
    ordered = right[order]
    first, last = np.searchsorted(ordered, left, "left"), np.searchsorted(ordered, left, "right")
    counts = np.where(left == 0, 0, last - first)
    lefts = np.repeat(np.arange(len(left)), counts)
    offsets = np.arange(len(lefts)) - np.repeat(np.cumsum(counts) - counts, counts)
    return lefts, order[first[lefts] + offsets]


def duplicates(index: Index, texts: Signatures) -> dict[bytes, dict[bytes, float]]:
    """Return the hash of each text -> hash of a duplicate in the index -> estimated similarity, 1.0 for an exact one.

    The text itself is among its duplicates if the index has it.
    """
    found: dict[bytes, dict[bytes, float]] = defaultdict(dict)
    for chunk in index.signatures():
        theirs, ours = [], []
        for band in range(BANDS):
            some, other = _equal_pairs(chunk.buckets[:, band], texts.buckets[:, band])
            theirs.append(some)
            ours.append(other)
        pairs = np.unique(np.stack([np.concatenate(theirs), np.concatenate(ours)]), axis=1)
        similar = estimate_jaccard(chunk.sketches[pairs[0]], texts.sketches[pairs[1]])
        near = similar >= NEAR_DUPLICATE_JACCARD
        for row, query, value in zip(*pairs[:, near].tolist(), similar[near].tolist(), strict=True):
            found[texts.texts[query].tobytes()][chunk.texts[row].tobytes()] = value
        for row, query in zip(*(side.tolist() for side in _equal_pairs(chunk.keys, texts.keys)), strict=True):
            found[texts.texts[query].tobytes()][chunk.texts[row].tobytes()] = 1.0
    return found
