"""Duplicates in a data set: their number, the labels they contradict, and leaks between splits.

In this module `cluster` is one of the arrays `exact` and `near` of `dedup.clusters.Clusters`, or a part of it: two rows
are duplicates if they have the same number there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

SIZE_EDGES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000)
"""Lower ends of the bins of cluster sizes."""


def share(part: float, total: float) -> float:
    """Return the share of a part in a total, rounded to four digits; 0 if the total is 0."""
    return round(float(part) / float(total), 4) if total else 0.0


def sizes(cluster: np.ndarray) -> np.ndarray:
    """Return the number of rows of each cluster, int64 [clusters]."""
    return np.unique(cluster, return_counts=True)[1]


def duplicate_numbers(cluster: np.ndarray) -> dict[str, Any]:
    """Return the numbers of clusters with several rows and of duplicates: all rows of a cluster but one."""
    rows = sizes(cluster)
    duplicates = len(cluster) - len(rows)
    return {
        "clusters": int(np.sum(rows > 1)),
        "copies": duplicates,
        "share": share(duplicates, len(cluster)),
        "largest": int(rows.max(initial=0)),
    }


def size_histogram(cluster: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Return (least size, greatest size, clusters, rows in them) for each bin of SIZE_EDGES that is not empty."""
    each = sizes(cluster)
    bins = np.searchsorted(SIZE_EDGES, each, side="right") - 1
    ends = [edge - 1 for edge in SIZE_EDGES[1:]]
    ends.append(max(int(each.max(initial=0)), SIZE_EDGES[-1]))
    counts, rows = np.bincount(bins), np.bincount(bins, weights=each)
    return [(SIZE_EDGES[i], ends[i], int(counts[i]), int(rows[i])) for i in np.flatnonzero(counts)]


def contradiction_numbers(cluster: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    """Return the numbers of clusters with several labels and of their rows, and the best possible accuracy.

    A classifier assigns one label to all duplicates of a text; the best choice is the cluster's most frequent label.

    Args:
        cluster: Cluster numbers [rows].
        label: Label ids >= 0 [rows].
    """
    clusters, _, counts = _label_counts(cluster, label)
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


def _label_counts(cluster: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each (cluster, label) that occurs, sorted, and its number of rows."""
    order = np.lexsort((label, cluster))
    clusters, labels = cluster[order], label[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(clusters) != 0) | (np.diff(labels) != 0)
    starts = np.flatnonzero(new)
    return clusters[starts], labels[starts], np.diff(starts, append=len(order))


def largest(cluster: np.ndarray, rows: np.ndarray, most: int) -> list[np.ndarray]:
    """Return the rows of at most `most` clusters with several rows, the largest first.

    Args:
        cluster: Cluster numbers [rows].
        rows: The row index of each entry of `cluster`, ascending.
        most: Maximum number of clusters.
    """
    ids, counts = np.unique(cluster, return_counts=True)
    order = np.lexsort((ids, -counts))[:most]
    return [rows[cluster == ids[i]] for i in order if counts[i] > 1]


def most_contradictory(cluster: np.ndarray, rows: np.ndarray, label: np.ndarray, most: int) -> list[np.ndarray]:
    """Return the rows of at most `most` clusters with several labels: most labels first, then most rows.

    Args:
        cluster: Cluster numbers [rows].
        rows: The row index of each entry of `cluster`, ascending.
        label: Label ids >= 0 [rows].
        most: Maximum number of clusters.
    """
    clusters, _, counts = _label_counts(cluster, label)
    ids, first, labels = np.unique(clusters, return_index=True, return_counts=True)
    total = np.add.reduceat(counts, first) if len(first) else counts
    order = np.lexsort((ids, -total, -labels))[:most]
    return [rows[cluster == ids[i]] for i in order if labels[i] > 1]


def leak_numbers(exact: np.ndarray, near: np.ndarray, split: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Count, for each pair of the source's own splits, the rows of the later one with a duplicate in the earlier one.

    Args:
        exact: Cluster numbers of exact duplicates [rows].
        near: Cluster numbers of exact and near duplicates [rows].
        split: Indices into `names` [rows], -1 for no split.
        names: The splits, in the order train, validation, test.
    """
    leaks: dict[str, Any] = {}
    for held_out in range(1, len(names)):
        later = split == held_out
        for source in range(held_out):
            earlier = split == source
            if later.any() and earlier.any():
                leaks[f"{names[held_out]}_in_{names[source]}"] = {
                    "rows": int(later.sum()),
                    "exact": int(np.isin(exact[later], exact[earlier]).sum()),
                    "near": int(np.isin(near[later], near[earlier]).sum()),
                }
    return leaks
