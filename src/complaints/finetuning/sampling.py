"""Which training rows an epoch sees, a pure function of seed and epoch."""

import numpy as np


def class_shares(counts: np.ndarray, sampling: str) -> np.ndarray:
    """Return the share of each class among the rows of an epoch, float64 [classes], which add up to 1.

    With n rows in a class it is in proportion to n (`shuffled`), to the square root of n (`sqrt`), or the same for all
    classes that have rows (`class_aware`, Shen et al. 2016, "Relay Backpropagation"; the three are q = 1, 1/2 and 0 of
    Kang et al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition", equation 1).
    """
    power = {"shuffled": 1.0, "sqrt": 0.5, "class_aware": 0.0}[sampling]
    masses = np.where(counts > 0, np.power(counts, power, dtype=np.float64), 0.0)
    return masses / masses.sum()


def draw_rows(labels: np.ndarray, sampling: str, seed: int, epoch: int) -> np.ndarray:
    """Return the numbers of the rows of an epoch, as many as there are rows, int64 [rows], in order of class.

    `shuffled` is every row once. Otherwise each class is drawn as often as its share says, up to one row, and each
    row of a class as often as the others of it, up to once: a small class comes round and round, a large one
    shows a part of itself that changes with the epoch. The result depends on the arguments alone.

    Args:
        labels: Class of each row, int [rows].
        sampling: `shuffled`, `sqrt` or `class_aware`.
        seed: Seed of the run.
        epoch: Number of the epoch.
    """
    if sampling == "shuffled":
        return np.arange(len(labels))
    counts = np.bincount(labels)
    # The third number keeps these draws apart from those that order the batches.
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, 1])))
    # Systematic sampling: marks at equal distances, one random start.
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
