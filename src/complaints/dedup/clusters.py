"""Which complaints are copies of each other: exact ones by a hash of the normalised text, near ones by MinHash."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from complaints.dedup.minhash import BASE, BATCH_CHARACTERS, HASHES, minhashes, mix
from complaints.dedup.normalize import normalise, text_key

BANDS, BAND_ROWS = 14, 4
"""Two texts of resemblance J meet in at least one band with probability 1 - (1 - J^4)^14: 0.98 at 0.7, 0.11 at 0.3."""


RESEMBLANCE = 0.7
"""Texts are near-copies from this estimate on. A text with 3 % of its words changed keeps about 0.89, of 12 words with
one changed 0.69."""

HEADS = 8
"""In each bucket texts are compared with its first one; those that differ, with the first of these; and so on."""


@dataclass(frozen=True)
class Clusters:
    """Copies among rows, which are named by their place in the order in which they were added.

    A row's representative is the first one, by the order given, of all rows that share its text or its cluster; it
    represents itself.
    """

    keys: np.ndarray
    """uint64 [rows]: hash of the normalised text."""
    exact: np.ndarray
    """int64 [rows]: the representative of the rows with the same normalised text."""
    near: np.ndarray
    """int64 [rows]: the representative of the cluster: all that a chain of near-copies joins."""
    joins: list[tuple[int, int]]
    """(older, younger) representatives of clusters that were apart until a later row, a near-copy of both, came."""


def _slices(texts: list[str]) -> Iterator[slice]:
    """Cut a batch where it would grow over BATCH_CHARACTERS, a longer text alone."""
    start = characters = 0
    for place, text in enumerate(texts):
        if characters and characters + len(text) > BATCH_CHARACTERS:
            yield slice(start, place)
            start, characters = place, 0
        characters += len(text)
    yield slice(start, len(texts))


class CopyFinder:
    """Takes texts in one pass, keeps about 170 bytes of each, and tells which are copies of each other."""

    def __init__(self) -> None:
        """Begin without texts."""
        # These grow in place; pieces of numpy's would be in memory a second time when they are joined.
        self._keys, self._bands, self._sketches, self._long = bytearray(), bytearray(), bytearray(), bytearray()
        self._rows = 0

    def add(self, texts: pa.Array, row_ids: pa.Array) -> None:
        """Take the next rows: their texts and their ids, arrays of strings without nulls."""
        normals = [normalise(text) for text in texts.to_pylist()]
        pairs = zip(normals, row_ids.to_pylist(), strict=True)
        self._keys += np.array([text_key(normal, row_id) for normal, row_id in pairs], np.uint64).tobytes()
        for part in _slices(normals):
            signatures, long = minhashes(pa.array(normals[part], pa.string()))
            bands = np.zeros((BANDS, len(long)), np.uint64)
            for row in range(BAND_ROWS):
                bands = bands * BASE + signatures[row * BANDS : (row + 1) * BANDS]
            # 32 bits name a bucket and 8 bits are kept of each hash: a chance meeting is found out by comparing.
            self._bands += (mix(bands) >> np.uint64(32)).astype(np.uint32).T.tobytes()
            self._sketches += signatures.astype(np.uint8).T.tobytes()
            self._long += (long + self._rows + part.start).tobytes()
        self._rows += len(normals)

    def clusters(self, order: np.ndarray | None = None) -> Clusters:
        """Return the copies among all rows added.

        Args:
            order: int64 [rows], the rows from first to last; the order in which they were added if None. Rows later
                in it change nothing between earlier ones, but for the joins that are listed.
        """
        rank = np.arange(self._rows)
        if order is not None:
            rank[order] = np.arange(self._rows)
        keys = np.frombuffer(bytes(self._keys), np.uint64)
        exact = _first_of_equals(keys, rank)
        edges = self._edges(exact, rank)
        near, joins = _join(edges, rank)
        return Clusters(keys, exact, near[exact], joins)

    def _edges(self, exact: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """Return pairs of near-copies, int64 [2, n], the earlier one first; exact copies take part by one row."""
        rows = np.frombuffer(self._long, np.int64)
        sketches = np.frombuffer(self._sketches, np.uint8).reshape(-1, HASHES)
        bands = np.frombuffer(self._bands, np.uint32).reshape(-1, BANDS)
        chosen = np.flatnonzero(exact[rows] == rows)
        chosen = chosen[np.argsort(rank[rows[chosen]])]
        found = [np.empty((2, 0), np.int64)]
        for band in range(BANDS):
            buckets = bands[chosen, band]
            members = np.argsort(buckets, kind="stable")
            for _ in range(HEADS):
                heads, members = _heads(buckets, members)
                if not len(members):
                    break
                alike = _alike(sketches, chosen[heads], chosen[members])
                found.append(np.stack([heads[alike], members[alike]]))
                members = members[~alike]
        heads, members = np.concatenate(found, axis=1)
        pairs = np.unique(heads * max(len(chosen), 1) + members)
        return rows[chosen[np.stack(np.divmod(pairs, max(len(chosen), 1)))]]


def _first_of_equals(keys: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return for each row the earliest row with its key."""
    by_rank = np.argsort(rank)
    _, first, group = np.unique(keys[by_rank], return_index=True, return_inverse=True)
    result = np.empty(len(keys), np.int64)
    result[by_rank] = by_rank[first[group]]
    return result


def _heads(buckets: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the head of each member's bucket and the members that are none, both in the order of `members`.

    `members` are sorted by bucket and, within it, from first to last.
    """
    bucket = buckets[members]
    is_head = np.append(True, bucket[1:] != bucket[:-1])[: len(bucket)]
    head = members[np.maximum.accumulate(np.where(is_head, np.arange(len(members)), 0))]
    return head[~is_head], members[~is_head]


def _alike(sketches: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Tell which pairs are near-copies, by the lowest 8 bits of their hashes (Li and König 2010, b-bit MinHash)."""
    result = np.empty(len(left), bool)
    chance = 1 / 256
    for start in range(0, len(left), 100_000):
        part = slice(start, start + 100_000)
        equal = np.mean(sketches[left[part]] == sketches[right[part]], axis=1)
        result[part] = (equal - chance) / (1 - chance) >= RESEMBLANCE
    return result


def _join(edges: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the earliest row of each row's connected component, int64 [rows], and the joins of two older components.

    Edges are taken by the rank of their later row, so that components grow as they would have, row by row.
    """
    nodes, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(2, -1)
    by_time = np.argsort(rank[edges[1]], kind="stable")
    place, parent = rank[nodes].tolist(), list(range(len(nodes)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    joins = []
    for earlier, later in zip(*ends[:, by_time].tolist(), strict=True):
        older, younger = sorted((root(earlier), root(later)), key=place.__getitem__)
        if older != younger:
            parent[younger] = older
            if younger != later:
                joins.append((int(nodes[older]), int(nodes[younger])))
    result = np.arange(len(rank))
    result[nodes] = nodes[[root(node) for node in range(len(nodes))]] if len(nodes) else nodes
    return result, joins
