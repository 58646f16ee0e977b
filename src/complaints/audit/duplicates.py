"""What copies mean for a data set: how many there are, which labels they contradict, and what leaks between splits.

Everywhere here `cluster` is one of the two arrays of `copies.Clusters`, or a part of it: the copies of a text have the
same number there, whatever it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

SIZE_EDGES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000)
"""Where the bins of the cluster sizes begin."""


def share(part: float, whole: float) -> float:
    """Return a share rounded to four digits; nothing of nothing is 0."""
    return round(float(part) / float(whole), 4) if whole else 0.0


def sizes(cluster: np.ndarray) -> np.ndarray:
    """Return the number of rows of each cluster, int64 [clusters]."""
    return np.unique(cluster, return_counts=True)[1]


def copy_numbers(cluster: np.ndarray) -> dict[str, Any]:
    """Count clusters of several rows, and copies, which are all rows of a cluster but one."""
    each = sizes(cluster)
    copies = len(cluster) - len(each)
    return {
        "clusters": int(np.sum(each > 1)),
        "copies": copies,
        "share": share(copies, len(cluster)),
        "largest": int(each.max(initial=0)),
    }


def size_histogram(cluster: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Return (fewest rows, most rows, clusters, rows in them) for each bin of SIZE_EDGES that is not empty."""
    each = sizes(cluster)
    bins = np.searchsorted(SIZE_EDGES, each, side="right") - 1
    ends = [edge - 1 for edge in SIZE_EDGES[1:]]
    ends.append(max(int(each.max(initial=0)), SIZE_EDGES[-1]))
    counts, rows = np.bincount(bins), np.bincount(bins, weights=each)
    return [(SIZE_EDGES[i], ends[i], int(counts[i]), int(rows[i])) for i in np.flatnonzero(counts)]


def contradiction_numbers(cluster: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    """Count clusters with several labels, and the accuracy that they leave within reach.

    A classifier gives all copies of a text one label; at best each cluster's most frequent one. `label` holds label
    ids >= 0 [rows].
    """
    clusters, _, counts = _pairs(cluster, label)
    index = np.unique(clusters, return_inverse=True)[1]
    best = np.zeros(index.max(initial=-1) + 1, np.int64)
    np.maximum.at(best, index, counts)
    several = np.bincount(index) > 1
    rows = np.bincount(index, weights=counts)[several].sum() if len(index) else 0
    return {
        "texts": int(np.sum(several)),
        "rows": int(rows),
        "accuracy_ceiling": share(best.sum(), len(cluster)) if len(cluster) else 1.0,
    }


def _pairs(cluster: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each (cluster, label) that occurs, sorted, and its number of rows."""
    order = np.lexsort((label, cluster))
    clusters, labels = cluster[order], label[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(clusters) != 0) | (np.diff(labels) != 0)
    starts = np.flatnonzero(new)
    return clusters[starts], labels[starts], np.diff(starts, append=len(order))


def largest(cluster: np.ndarray, rows: np.ndarray, most: int) -> list[np.ndarray]:
    """Return the rows of the largest clusters, largest first, leaving out clusters of one row.

    `rows` [rows] are the row indices for which `cluster` stands, ascending.
    """
    ids, counts = np.unique(cluster, return_counts=True)
    order = np.lexsort((ids, -counts))[:most]
    return [rows[cluster == ids[i]] for i in order if counts[i] > 1]


def most_contradictory(cluster: np.ndarray, rows: np.ndarray, label: np.ndarray, most: int) -> list[np.ndarray]:
    """Return the rows of the clusters with the most labels, then the most rows, leaving out clusters of one label."""
    clusters, _, counts = _pairs(cluster, label)
    ids, first, labels = np.unique(clusters, return_index=True, return_counts=True)
    total = np.add.reduceat(counts, first) if len(first) else counts
    order = np.lexsort((ids, -total, -labels))[:most]
    return [rows[cluster == ids[i]] for i in order if labels[i] > 1]


def leak_numbers(exact: np.ndarray, near: np.ndarray, split: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Count, for each two of the source's own splits, rows of the later one with a copy in the earlier one.

    `split` holds indices into `names`, which stand in the order train, validation, test; -1 is no split.
    """
    leaks: dict[str, Any] = {}
    for held_out in range(1, len(names)):
        tested = split == held_out
        for source in range(held_out):
            seen = split == source
            if tested.any() and seen.any():
                leaks[f"{names[held_out]}_in_{names[source]}"] = {
                    "rows": int(tested.sum()),
                    "exact": int(np.isin(exact[tested], exact[seen]).sum()),
                    "near": int(np.isin(near[tested], near[seen]).sum()),
                }
    return leaks
