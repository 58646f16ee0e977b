"""Clusters of exact duplicates (equal normal form) and of near duplicates (Jaccard similarity by MinHash)."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from complaints.dedup.minhash import BANDS, HASHES, estimate_jaccard, sign_texts
from complaints.dedup.normalize import normalize_text, text_key

NEAR_DUPLICATE_JACCARD = 0.7
"""Texts are near duplicates from this estimated Jaccard similarity on. A text with 3 % of its words changed has about
0.89, a text of 12 words with one of them changed 0.69."""

COMPARISON_ROUNDS = 8
"""In each bucket, texts are compared with its first text. Those that differ form the bucket of the next round."""

_BATCH_PAIRS = 100_000


@dataclass(frozen=True)
class Clusters:
    """Clusters of duplicate rows; a row is identified by its index in the order of addition.

    A cluster's representative is its first row in the order given to `DuplicateFinder.clusters`; a row without
    duplicates represents itself.
    """

    keys: np.ndarray
    """uint64 [rows]: hash of the normal form."""
    exact: np.ndarray
    """int64 [rows]: representative of the exact duplicates."""
    near: np.ndarray
    """int64 [rows]: representative of the cluster of near duplicates, which is closed under chains of them."""
    merges: list[tuple[int, int]]
    """(older, younger) representatives of clusters that were separate until a later near duplicate of both."""


class DuplicateFinder:
    """Duplicate detection in one pass over texts; it keeps about 170 bytes of each."""

    def __init__(self) -> None:
        """Start without texts."""
        # A bytearray grows in place; concatenating NumPy arrays would hold them in memory twice.
        self._keys, self._buckets, self._sketches, self._signed = bytearray(), bytearray(), bytearray(), bytearray()
        self._rows = 0

    def add(self, texts: pa.Array, row_ids: pa.Array) -> None:
        """Add rows by their texts and ids, arrays of strings without nulls."""
        normals = [normalize_text(text) for text in texts.to_pylist()]
        pairs = zip(normals, row_ids.to_pylist(), strict=True)
        self._keys += np.array([text_key(normal, row_id) for normal, row_id in pairs], np.uint64).tobytes()
        for signatures in sign_texts(normals):
            self._buckets += signatures.buckets.tobytes()
            self._sketches += signatures.sketches.tobytes()
            self._signed += (signatures.rows + self._rows).tobytes()
        self._rows += len(normals)

    def clusters(self, order: np.ndarray | None = None) -> Clusters:
        """Return the clusters of all rows added so far.

        Args:
            order: int64 [rows], row indices from first to last; the order of addition if None. Later rows do not
                change how earlier rows are clustered, except for the merges listed.
        """
        rank = np.arange(self._rows)
        if order is not None:
            rank[order] = np.arange(self._rows)
        keys = np.frombuffer(bytes(self._keys), np.uint64)
        exact = _first_with_equal_key(keys, rank)
        near, merges = _connected_components(self._near_duplicates(exact, rank), rank)
        return Clusters(keys, exact, near[exact], merges)

    def _near_duplicates(self, exact: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """Return pairs of near duplicates among representatives of `exact`, int64 [2, n], the earlier row first."""
        rows = np.frombuffer(self._signed, np.int64)
        sketches = np.frombuffer(self._sketches, np.uint8).reshape(-1, HASHES)
        buckets = np.frombuffer(self._buckets, np.uint32).reshape(-1, BANDS)
        chosen = np.flatnonzero(exact[rows] == rows)
        chosen = chosen[np.argsort(rank[rows[chosen]])]
        found = [np.empty((2, 0), np.int64)]
        for band in range(BANDS):
            bucket_of = buckets[chosen, band]
            members = np.argsort(bucket_of, kind="stable")
            for _ in range(COMPARISON_ROUNDS):
                firsts, members = _pair_with_first(bucket_of, members)
                if not len(members):
                    break
                similar = _are_near_duplicates(sketches, chosen[firsts], chosen[members])
                found.append(np.stack([firsts[similar], members[similar]]))
                members = members[~similar]
        firsts, members = np.concatenate(found, axis=1)
        pairs = np.unique(firsts * max(len(chosen), 1) + members)
        return rows[chosen[np.stack(np.divmod(pairs, max(len(chosen), 1)))]]


def _first_with_equal_key(keys: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return the earliest row with each row's key, int64 [rows]."""
    by_rank = np.argsort(rank)
    _, first, group = np.unique(keys[by_rank], return_index=True, return_inverse=True)
    result = np.empty(len(keys), np.int64)
    result[by_rank] = by_rank[first[group]]
    return result


def _pair_with_first(bucket_of: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first member of each other member's bucket, and those other members, both in the order of `members`.

    `members` are sorted by bucket and, within a bucket, from first to last.
    """
    bucket = bucket_of[members]
    is_first = np.append(True, bucket[1:] != bucket[:-1])[: len(bucket)]
    first = members[np.maximum.accumulate(np.where(is_first, np.arange(len(members)), 0))]
    return first[~is_first], members[~is_first]


def _are_near_duplicates(sketches: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return whether each pair of rows of `sketches` are near duplicates, bool [pairs]."""
    result = np.empty(len(left), bool)
    for start in range(0, len(left), _BATCH_PAIRS):
        batch = slice(start, start + _BATCH_PAIRS)
        result[batch] = estimate_jaccard(sketches[left[batch]], sketches[right[batch]]) >= NEAR_DUPLICATE_JACCARD
    return result


def _connected_components(edges: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the earliest row of each row's component, int64 [rows], and the merges of two older components.

    Edges are added by the rank of their later row, as if the rows came one by one.
    """
    nodes, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(2, -1)
    by_time = np.argsort(rank[edges[1]], kind="stable")
    node_rank, parent = rank[nodes].tolist(), list(range(len(nodes)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    merges = []
    for earlier, later in zip(*ends[:, by_time].tolist(), strict=True):
        older, younger = sorted((root(earlier), root(later)), key=node_rank.__getitem__)
        if older != younger:
            parent[younger] = older
            if younger != later:
                merges.append((int(nodes[older]), int(nodes[younger])))
    result = np.arange(len(rank))
    result[nodes] = nodes[[root(node) for node in range(len(nodes))]] if len(nodes) else nodes
    return result, merges
