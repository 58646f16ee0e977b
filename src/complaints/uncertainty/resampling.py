"""Cluster bootstrap: metrics of several systems on the same resamples of the test set.

Near duplicates are right or wrong together, so that rows are not independent, while their clusters are: a resample
draws clusters with replacement, with all of their rows (Davison & Hinkley 1997, section 3.8; Field & Welsh 2007). All
metrics depend on the rows through sums over clusters, which are computed once; a resample only weights them. Counts
are whole numbers and their sums exact, so they are the same on every processor.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse, stats

from complaints.uncertainty.count_metrics import ClassList, Counts, count_metrics, deviation_scale

RESAMPLES = 10_000
SEED = 13
CHUNK = 256
"""Resamples that are in memory at once."""


@dataclass(frozen=True)
class Rows:
    """The n held-out rows on which systems are scored.

    Raises:
        ValueError: if there are no rows, lengths differ, or a class id is outside [0, classes).
    """

    true: np.ndarray
    """True class ids, int64 [n]."""
    clusters: np.ndarray
    """Id of the cluster of duplicates of each row, int64 [n], any numbers."""
    classes: int
    """Size of the vocabulary."""
    tiers: Sequence[str]
    """Tier of each class of the vocabulary: head, mid or tail."""

    def __post_init__(self) -> None:
        """Check the lengths and the class ids."""
        check_ids(self.true, len(self.clusters), self.classes)
        if len(self.tiers) != self.classes:
            raise ValueError(f"{len(self.tiers)} tiers for {self.classes} classes")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.true)


@dataclass(frozen=True)
class System:
    """The answers of one model, or of one model with a decision rule, on the rows of `Rows`."""

    predicted: np.ndarray
    """Predicted class ids, int64 [n]."""
    row_values: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Further metrics that are means over rows: name -> value of each row, float64 [n]."""


@dataclass(frozen=True)
class Distribution:
    """A metric of a system, on all rows and on resamples of them."""

    value: float
    resampled: np.ndarray
    """float64 [resamples]; the same index is the same resample in all systems and metrics."""

    def error(self) -> float:
        """Return the standard error, the standard deviation over resamples."""
        return float(np.std(self.resampled, ddof=1))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return an interval that contains the true score with a probability of `level`.

        The mean of the resamples is off the value about as the value is off the truth: F1 of a class with few rows is
        too low on average (Efron & Tibshirani 1993, section 10.3). The estimate of that bias is rough, so the interval
        is the union of the normal intervals for biases from 0 to twice the estimate. Quantiles of the resamples would
        move the interval by the bias in the wrong direction; benchmarks/significance.md has the coverage of both.
        Bounds of 0 and 1 that no resample leaves are kept.
        """
        bias = float(np.mean(self.resampled)) - self.value
        half = float(stats.norm.ppf((1 + level) / 2)) * self.error()
        low, high = self.value - max(2 * bias, 0.0) - half, self.value - min(2 * bias, 0.0) + half
        return (
            max(low, 0.0) if self.resampled.min() >= 0 else low,
            min(high, 1.0) if self.resampled.max() <= 1 else high,
        )


def check_ids(ids: np.ndarray, rows: int, classes: int) -> None:
    """Check class ids, int [rows] in [0, classes).

    Raises:
        ValueError: if they are not.
    """
    if len(ids) != rows or rows == 0:
        raise ValueError(f"{len(ids)} class ids for {rows} rows; must be equal and above 0")
    if ids.min() < 0 or ids.max() >= classes:
        raise ValueError(f"a class id is outside [0, {classes})")


def draw_clusters(clusters: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each cluster is drawn, float64 [clusters, at most CHUNK], for all resamples in turn."""
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = [np.bincount(generator.integers(clusters, size=clusters), minlength=clusters) for _ in range(size)]
        yield np.ascontiguousarray(np.stack(drawn, axis=1), dtype=np.float64)


class _Sums:
    """Sums over the rows of each cluster, from which all metrics of all systems are computed.

    A sparse matrix [sums, clusters]: the listed classes' rows, then for each system the rows that are right and the
    rows that are predicted, by class, and at last the number of rows and all row values. Its product adds up each row
    in the order of the clusters, so that equal systems have equal sums to the last bit.
    """

    def __init__(self, rows: Rows, systems: Mapping[str, System]) -> None:
        """Sum up rows by class, and the row values of each system."""
        names, cluster = np.unique(rows.clusters, return_inverse=True)
        self.clusters = len(names)
        support = np.bincount(rows.true, minlength=rows.classes)
        listed = np.flatnonzero(support)
        self._systems = systems
        everywhere = np.ones(len(rows))
        counts, values = [(rows.true, everywhere)], [everywhere]
        for system in systems.values():
            check_ids(system.predicted, len(rows), rows.classes)
            counts += [(rows.true, rows.true == system.predicted), (system.predicted, everywhere)]
            values += system.row_values.values()
        blocks = [_sums(ids, cluster, of_rows, (rows.classes, self.clusters))[listed] for ids, of_rows in counts]
        zeros = np.zeros(len(rows), np.int64)
        blocks += [_sums(zeros, cluster, of_rows, (1, self.clusters)) for of_rows in values]
        self._matrix = sparse.vstack(blocks, format="csr")
        self._counts = len(counts)
        scale = deviation_scale(support[listed], (blocks[0] ** 2).sum(axis=1))
        self._classes = ClassList(support[listed], scale, [rows.tiers[label] for label in listed.tolist()])
        self._all_rows, _ = self.counts(np.ones((self.clusters, 1)))

    def metrics(self, weights: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        """Return (system, metric) -> float64 [draws], for weights of clusters, float64 [clusters, draws]."""
        counts, means = self.counts(weights)
        metrics, of_values = count_metrics(self._classes), iter(means)
        result: dict[tuple[str, str], np.ndarray] = {}
        for (name, system), own, of_all_rows in zip(self._systems.items(), counts, self._all_rows, strict=True):
            result |= {(name, metric): function(own, of_all_rows) for metric, function in metrics.items()}
            result |= {(name, metric): next(of_values) for metric in system.row_values}
        return result

    def counts(self, weights: np.ndarray) -> tuple[list[Counts], np.ndarray]:
        """Return the counts of each system, and the means of all row values, [values, draws]."""
        sums, listed = self._matrix @ weights, len(self._classes.support)
        counts = sums[: self._counts * listed].reshape(self._counts, listed, -1).transpose(0, 2, 1)
        rows, values = sums[self._counts * listed], sums[self._counts * listed + 1 :]
        return [
            Counts(right=right, support=counts[0], predicted=predicted)
            for right, predicted in zip(counts[1::2], counts[2::2], strict=True)
        ], values / rows


def _sums(ids: np.ndarray, cluster: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """Return the sums of the values of rows, [rows], by id and cluster."""
    return sparse.coo_array((values.astype(np.float64), (ids, cluster)), shape=shape).tocsr()


def bootstrap(
    rows: Rows, systems: Mapping[str, System], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, dict[str, Distribution]]:
    """Return system -> metric -> its value and its distribution over resamples of clusters.

    The metrics are those of `count_metrics` and the `row_values` of the system. The draws depend on the seed and on
    the number of clusters alone.

    Raises:
        ValueError: if the length of an array is not that of the rows, or a class id is outside the vocabulary.
    """
    sums = _Sums(rows, systems)
    everything = np.ones((sums.clusters, 1))
    chunks = [sums.metrics(weights) for weights in (everything, *draw_clusters(sums.clusters, resamples, seed))]
    result: dict[str, dict[str, Distribution]] = {}
    for name, metric in chunks[0]:
        values = np.concatenate([chunk[name, metric] for chunk in chunks])
        result.setdefault(name, {})[metric] = Distribution(float(values[0]), values[1:])
    return result


def class_f1(
    rows: Rows, systems: Mapping[str, System], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, list[Distribution]]:
    """Return system -> F1 of each class with rows, by ascending class id, over the resamples of `bootstrap`.

    Raises:
        ValueError: as `bootstrap` does.
    """
    sums = _Sums(rows, {name: System(system.predicted) for name, system in systems.items()})
    draws = (np.ones((sums.clusters, 1)), *draw_clusters(sums.clusters, resamples, seed))
    chunks = [[own.f1 for own in sums.counts(weights)[0]] for weights in draws]
    by_system = [np.concatenate(of_draws) for of_draws in zip(*chunks, strict=True)]
    return {
        name: [Distribution(float(column[0]), column[1:]) for column in f1.T]
        for name, f1 in zip(systems, by_system, strict=True)
    }
