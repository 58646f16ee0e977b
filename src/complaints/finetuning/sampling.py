"""Sampling of an epoch's training rows, a function of seed and epoch."""

import numpy as np


def class_shares(counts: np.ndarray, sampling: str) -> np.ndarray:
    """Return the share of each class among the rows of an epoch, float64 [classes], with sum 1.

    The share of a class of n rows is proportional to n (`shuffled`), to the square root of n (`sqrt`), or equal for all
    classes with rows (`class_aware`, Shen et al. 2016, "Relay Backpropagation"); these are q = 1, 1/2 and 0 of Kang et
    al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition", equation 1.

    Args:
        counts: Training rows of each class, int [classes].
        sampling: `shuffled`, `sqrt` or `class_aware`.
    """
    power = {"shuffled": 1.0, "sqrt": 0.5, "class_aware": 0.0}[sampling]
    masses = np.where(counts > 0, np.power(counts, power, dtype=np.float64), 0.0)
    return masses / masses.sum()


def draw_rows(labels: np.ndarray, sampling: str, seed: int, epoch: int) -> np.ndarray:
    """Return the row numbers of an epoch, as many as there are training rows, int64 [rows].

    `shuffled` returns every row once. Otherwise each class is drawn according to its share, rounded to a number of
    rows, and the rows of a class are drawn equally often, up to a difference of one: rows of a small class occur
    several times, those of a large class in some of the epochs. The result depends on the arguments alone, in order of
    class.

    Args:
        labels: Class of each row, int [rows].
        sampling: `shuffled`, `sqrt` or `class_aware`.
        seed: Seed of the run.
        epoch: Number of the epoch.
    """
    if sampling == "shuffled":
        return np.arange(len(labels))
    counts = np.bincount(labels)
    # The third number makes these draws independent of those that order the batches.
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, 1])))
    # Systematic sampling: equal distances from one random start.
    ends = np.cumsum(class_shares(counts, sampling)) * len(labels)
    ends[-1] = len(labels)
    draws = np.diff(np.floor(ends + random.random()).astype(np.int64), prepend=0)
    by_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    drawn = []
    for rows, count in zip(by_class, draws, strict=True):
        if count:
            rounds = np.tile(rows, (-(-count // len(rows)), 1))
            drawn.append(random.permuted(rounds, axis=1).ravel()[:count])
    return np.concatenate(drawn)
