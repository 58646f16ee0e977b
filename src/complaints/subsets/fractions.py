"""Nested fractions of the training rows, for learning curves."""

from collections.abc import Sequence

import numpy as np

from complaints.subsets.draws import distinct, draw


def nested_fraction(clusters: Sequence[str], label_ids: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return the indices of a fraction of the rows, int64, ascending: complete clusters, with every class.

    A cluster belongs to the fraction if the draw of its name is below it; of each class, the cluster with the smallest
    draw always does. The rows of a smaller fraction are therefore among those of a larger one with the same seed, and
    of all classes a fraction has at least one row.

    Args:
        clusters: Name of the cluster of near duplicates of each row.
        label_ids: Class ids, int [rows].
        fraction: Share of the clusters, in (0, 1]; 1 is every row.
        seed: Seed of the draws.
    """
    names, cluster = distinct(clusters)
    drawn = draw(names, f"fractions {seed}")
    kept = drawn < fraction
    by_draw = np.lexsort((cluster, drawn[cluster]))
    _, first = np.unique(label_ids[by_draw], return_index=True)
    kept[cluster[by_draw[first]]] = True
    return np.flatnonzero(kept[cluster])
