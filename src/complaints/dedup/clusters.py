"""Which complaints are copies of each other: exact ones by a hash of the normalised text, near ones by MinHash."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from complaints.dedup.normalize import normalise, text_key

SHINGLE_WORDS = 2
"""Texts are compared by their sets of this many consecutive words."""

MIN_SHINGLES = 8
"""A text with fewer is a copy only of its equals: a changed word would leave too little to go by."""

BANDS, BAND_ROWS = 14, 4
"""Two texts of resemblance J meet in at least one band with probability 1 - (1 - J^4)^14: 0.98 at 0.7, 0.11 at 0.3."""

HASHES = 96
"""The resemblance of two texts that meet is estimated from this many hashes: at 0.5 with a standard error of 0.05."""

RESEMBLANCE = 0.7
"""Texts are near-copies from this estimate on. A text with 3 % of its words changed keeps about 0.89, of 12 words with
one changed 0.69."""

HEADS = 8
"""In each bucket texts are compared with its first one; those that differ, with the first of these; and so on."""

_BATCH_CHARACTERS = 2**20
_BASE = np.uint64(0x9E3779B97F4A7C15)
_SEEDS = np.random.default_rng(20150319).integers(1, 2**32, (2, HASHES), dtype=np.uint32) | np.uint32(1)


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
    # Powers are made once for all batches up to _BATCH_CHARACTERS, and anew for a longer text.
    count = 1 << max(len(data), _BATCH_CHARACTERS).bit_length()
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data + np.uint64(1)) * _powers(int(_BASE), count)[: len(data)], out=sums[1:])
    # Dividing by the base's power at the start makes the hash independent of where the word stands.
    inverse = _powers(pow(int(_BASE), -1, 2**64), count)
    return mix((sums[ends] - sums[starts]) * inverse[starts]), np.searchsorted(offsets, starts, side="right") - 1


def _minhashes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the MinHash signatures (uint32 [hashes, n]) of the n normalised texts that are long enough, and which.

    Broder 1997, "On the resemblance and containment of documents".
    """
    words, text_of_word = _word_hashes(texts)
    count = max(len(words) - SHINGLE_WORDS + 1, 0)
    shingles = np.zeros(count, np.uint64)
    for place in range(SHINGLE_WORDS):
        shingles = shingles * _BASE + words[place : place + count]
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


def _slices(texts: list[str]) -> Iterator[slice]:
    """Cut a batch where it would grow over _BATCH_CHARACTERS, a longer text alone."""
    start = characters = 0
    for place, text in enumerate(texts):
        if characters and characters + len(text) > _BATCH_CHARACTERS:
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
            signatures, long = _minhashes(pa.array(normals[part], pa.string()))
            bands = np.zeros((BANDS, len(long)), np.uint64)
            for row in range(BAND_ROWS):
                bands = bands * _BASE + signatures[row * BANDS : (row + 1) * BANDS]
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
