"""Sample of the test rows that zero-shot methods answer: complete clusters of near duplicates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.parquet import read_parquet
from complaints.scoring.zero_shot import SPLIT
from complaints.subsets.draws import distinct, draw


@dataclass(frozen=True)
class Sample:
    """The rows of a sample, in the order of their split."""

    row_ids: list[str]
    texts: list[str]
    clusters: int
    """Number of clusters of near duplicates."""


def sampled_rows(clusters: list[str], rows: int, seed: int) -> np.ndarray:
    """Return the indices of a sample of rows, int64, ascending: complete clusters.

    Clusters join in the order of a draw of their names until the sample has at least `rows` rows, so that a larger
    sample with the same seed contains a smaller one, and further complaints move no draw.

    Args:
        clusters: Name of the cluster of near duplicates of each row.
        rows: Wanted number of rows; all rows if there are no more.
        seed: Seed of the draws.
    """
    names, cluster = distinct(clusters)
    order = np.lexsort((np.arange(len(names)), draw(names, f"zero-shot {seed}")))
    before = np.cumsum(np.bincount(cluster, minlength=len(names))[order]) - np.bincount(cluster)[order]
    kept = np.zeros(len(names), bool)
    kept[order[before < rows]] = True
    return np.flatnonzero(kept[cluster])


def draw_sample(splits: Path, rows: int, seed: int) -> Sample:
    """Return a sample of the test rows.

    Args:
        splits: Folder of the split files.
        rows: Wanted number of rows.
        seed: Seed of the draws.

    Raises:
        UserError: if the split file is missing or broken.
    """
    table = read_parquet(splits / f"{SPLIT}.parquet", ["row_id", "text", "group"])
    groups = table["group"].to_pylist()
    chosen = sampled_rows(groups, rows, seed)
    table = table.take(chosen)
    return Sample(table["row_id"].to_pylist(), table["text"].to_pylist(), len({groups[row] for row in chosen}))
