"""Distribution shift: population stability index and two-sample tests, with their sample sizes and "cannot tell"."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

BINS = 10
"""Bins of a number: deciles of the reference."""
LEAST_EXPECTED = 5.0
"""Classes with a smaller expected count are counted together (Cochran 1954)."""
LEAST_ROWS = 30
MODERATE = 0.1
"""PSI from which a shift matters, by convention (Siddiqi 2006, "Credit risk scorecards"); above 0.25 it is large."""
ALPHA = 0.05
HALF = 0.5
"""Added to each count, so that an empty bin has a finite index."""


@dataclass(frozen=True)
class Shift:
    """Comparison of one distribution in a log with that of the data."""

    name: str
    log_rows: int
    data_rows: int
    log_value: float | None
    """Mean of the number in the log; None for labels."""
    data_value: float | None
    psi: float | None = None
    p: float | None = None
    """After Holm's correction over all comparisons."""
    noise: float | None = None
    """The PSI below which 95 % of samples of these sizes are without any shift."""
    needed: int | None = None
    """Rows of the log with which a PSI of MODERATE would stand out; None if the data has too few rows for that."""
    reason: str = ""
    """Why there is no comparison."""

    @property
    def verdict(self) -> str:
        """Return `shifted`, `small shift`, `no shift` or `cannot tell`, with the reason."""
        if self.reason:
            return f"cannot tell: {self.reason}"
        assert self.psi is not None
        assert self.p is not None
        assert self.noise is not None
        if self.p < ALPHA:
            return "shifted" if self.psi >= MODERATE else "small shift"
        if self.noise <= MODERATE:
            return "no shift"
        if self.needed is None:
            return "cannot tell at this size: the data has too few rows"
        return f"cannot tell at this size: would need about {self.needed:,} rows"


def psi(log: np.ndarray, data: np.ndarray) -> float:
    """Return the population stability index of two histograms: sum (p - q) ln(p / q).

    It is the symmetric Kullback-Leibler divergence (Jeffreys 1946).

    Args:
        log: Counts, [bins].
        data: Counts, [bins].
    """
    p = (log + HALF) / (log + HALF).sum()
    q = (data + HALF) / (data + HALF).sum()
    return float(((p - q) * np.log(p / q)).sum())


def noise(bins: int, log_rows: int, data_rows: int) -> float:
    """Return the 95 % quantile of the PSI of two samples of one distribution.

    It is about chi-squared with bins - 1 degrees of freedom, times (1 / n + 1 / m) (Yurdakul and Naranjo 2020,
    "Statistical properties of the population stability index").
    """
    return float(stats.chi2.ppf(1 - ALPHA, max(bins - 1, 1)) * (1 / log_rows + 1 / data_rows))


def _needed(bins: int, data_rows: int) -> int | None:
    left = MODERATE / float(stats.chi2.ppf(1 - ALPHA, max(bins - 1, 1))) - 1 / data_rows
    return None if left <= 0 else int(np.ceil(1 / left))


def _too_few(name: str, log_rows: int, data_rows: int) -> Shift | None:
    if min(log_rows, data_rows) >= LEAST_ROWS:
        return None
    side = "log" if log_rows < LEAST_ROWS else "data"
    rows = min(log_rows, data_rows)
    return Shift(name, log_rows, data_rows, None, None, reason=f"the {side} has {rows} of {LEAST_ROWS} rows at least")


def compare_numbers(name: str, log: np.ndarray, data: np.ndarray) -> Shift:
    """Compare two samples of a number: PSI over deciles of the data, and the Kolmogorov-Smirnov test."""
    if few := _too_few(name, len(log), len(data)):
        return few
    edges = np.unique(np.quantile(data, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    counts = [np.bincount(np.searchsorted(edges, side, side="left"), minlength=bins) for side in (log, data)]
    return Shift(
        name,
        len(log),
        len(data),
        float(log.mean()),
        float(data.mean()),
        psi(*counts),
        float(stats.ks_2samp(log, data, method="asymp").pvalue),
        noise(bins, len(log), len(data)),
        _needed(bins, len(data)),
    )


def compare_labels(name: str, log: np.ndarray, data: np.ndarray) -> Shift:
    """Compare two histograms of labels, int [classes]: PSI and the chi-squared test of homogeneity.

    Classes with a small expected count are counted together.
    """
    rows, data_rows = int(log.sum()), int(data.sum())
    if few := _too_few(name, rows, data_rows):
        return few
    expected = (log + data) * (min(rows, data_rows) / (rows + data_rows))
    rare = expected < LEAST_EXPECTED
    table = np.array([[*side[~rare], side[rare].sum()] for side in (log, data)], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    p = 1.0 if table.shape[1] < 2 else float(stats.chi2_contingency(table, correction=False).pvalue)
    bins = table.shape[1]
    return Shift(
        name, rows, data_rows, None, None, psi(*table), p, noise(bins, rows, data_rows), _needed(bins, data_rows)
    )


def holm(shifts: Sequence[Shift]) -> list[Shift]:
    """Return the comparisons with p-values corrected for their number (Holm 1979)."""
    tested = [index for index, shift in enumerate(shifts) if shift.p is not None]
    result, largest = list(shifts), 0.0
    for rank, index in enumerate(sorted(tested, key=lambda index: shifts[index].p or 0.0)):
        largest = max(largest, min(1.0, (len(tested) - rank) * (shifts[index].p or 0.0)))
        result[index] = replace(shifts[index], p=largest)
    return result
