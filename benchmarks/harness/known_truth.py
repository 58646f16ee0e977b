"""Test sets drawn from a population whose true scores are known: long-tailed classes, clusters of duplicates, systems.

A cluster has one true class, and each system one answer that most of its rows share. The size of a cluster is
independent of its class and of the answers, so the share of rows of class i that a system labels j is entry (i, j) of
the system's table, and the true scores follow from the tables alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from complaints.uncertainty.resampling import Rows, System

SIZES = {1: 13259, 2: 262, 3: 78, 4: 28, 5: 22, 6: 12, 7: 11, 8: 3, 9: 6, 11: 3, 12: 2, 13: 2, 14: 2, 15: 5, 17: 1}
SIZES |= {18: 1, 20: 2, 22: 1, 27: 1, 29: 1, 38: 1, 40: 2}
"""Cluster size -> clusters among 15,412 complaints of the CFPB; two of 45 rows count as 40, larger ones are omitted."""
HEAD, MID = 20, 40
TIERS = ("head", "mid", "tail")


@dataclass(frozen=True)
class Population:
    """The distribution of test sets; the ids of the C classes are ranks by frequency."""

    prior: np.ndarray
    """Share of each class among rows, [C]."""
    sizes: np.ndarray
    """Possible sizes of a cluster, int."""
    size_shares: np.ndarray
    """Share of each size among clusters."""
    shared: float = 0.9
    """Share of the rows of a cluster that have the cluster's answer; the others have one of their own."""

    @property
    def tiers(self) -> list[str]:
        """Tier of each class."""
        return [TIERS[(rank >= HEAD) + (rank >= HEAD + MID)] for rank in range(len(self.prior))]


def population(
    classes: int = 113, exponent: float = 1.6, more_clusters: float = 1.0, shared: float = 0.9
) -> Population:
    """Return a population whose classes have shares 1 / (rank + 5)^exponent.

    Args:
        classes: Number of classes.
        exponent: Steepness of the long tail.
        more_clusters: Factor on the number of clusters of two rows and more.
        shared: See Population.
    """
    prior = (np.arange(classes) + 6.0) ** -exponent
    sizes = np.array(list(SIZES))
    weights = np.array(list(SIZES.values())) * np.where(sizes > 1, more_clusters, 1.0)
    return Population(prior / prior.sum(), sizes, weights / weights.sum(), shared)


def answer_table(prior: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Return the table of a system, P(predicted | true), [C, C], for a recall [C]; errors go to frequent classes."""
    table = np.tile(prior, (len(prior), 1))
    np.fill_diagonal(table, 0)
    table *= ((1 - recall) / table.sum(axis=1))[:, None]
    np.fill_diagonal(table, recall)
    return table


def long_tailed_recall(prior: np.ndarray, best: float = 0.75) -> np.ndarray:
    """Return a recall for each class that falls with its rarity, from `best` to a few per cent, [C]."""
    return best * (prior / prior.max()) ** 0.6


def true_f1(prior: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return the F1 of each class in the population, [C]."""
    return 2 * prior * np.diag(table) / (prior + prior @ table)


def true_scores(prior: np.ndarray, table: np.ndarray, support: np.ndarray) -> dict[str, float]:
    """Return the true scores of a system; macro averages are over the classes with `support` in a test set."""
    f1, recall, listed = true_f1(prior, table), np.diag(table), support > 0
    return {
        "accuracy": float(prior @ recall),
        "macro_f1": float(f1[listed].mean()),
        "macro_f1_10": float(f1[support >= 10].mean()),
        "balanced_accuracy": float(recall[listed].mean()),
        "weighted_f1": float(prior @ f1),
    }


@dataclass(frozen=True)
class Draw:
    """Test rows before any system has answered: uniform numbers decide the answers."""

    rows: Rows
    of_cluster: np.ndarray
    """Index of the cluster of each row."""
    shares: np.ndarray
    """Whether a row has the answer of its cluster, bool."""


def draw_rows(source: Population, rows: int, generator: np.random.Generator) -> Draw:
    """Return a test set of about this many rows, in complete clusters."""
    mean = source.sizes @ source.size_shares
    sizes = generator.choice(source.sizes, p=source.size_shares, size=round(rows / mean))
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    label = generator.choice(len(source.prior), p=source.prior, size=len(sizes))
    return Draw(
        Rows(label[cluster], cluster, len(source.prior), source.tiers),
        cluster,
        generator.random(len(cluster)) < source.shared,
    )


def answer(draw: Draw, tables: Sequence[np.ndarray], agreement: float, generator: np.random.Generator) -> list[System]:
    """Return a system for each table; two of them use the same chance in a share `agreement` of the clusters."""
    clusters, rows = int(draw.of_cluster[-1]) + 1, len(draw.rows)
    common = generator.random(clusters)
    systems = []
    for table in tables:
        own = np.where(generator.random(clusters) < agreement**0.5, common, generator.random(clusters))
        chance = np.where(draw.shares, own[draw.of_cluster], generator.random(rows))
        systems.append(System(_answers(table, draw.rows.true, chance)))
    return systems


def _answers(table: np.ndarray, true: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return predicted ids: the true class for a chance below its recall, other classes by their shares above it."""
    recall = np.diag(table)
    errors = table.copy()
    np.fill_diagonal(errors, 0)
    cumulative = recall[:, None] + np.cumsum(errors, axis=1)
    wrong = (cumulative[true] <= chance[:, None]).sum(axis=1).clip(max=len(table) - 1)
    return np.where(chance < recall[true], true, wrong)
