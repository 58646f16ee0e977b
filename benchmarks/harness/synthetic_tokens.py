"""Synthetic token ids with the lengths of the canonical complaints, for the speed benchmarks."""

import numpy as np

from complaints.backbones.tokens import TokenSet

# A log-normal distribution with the median of the canonical token counts, 63, of which 87.5 % are at most 128.
MEDIAN = 63
SIGMA = 0.616
SHORTEST = 5
CLASSES = 113
MARKERS = 20


def draw_tokens(rows: int, vocabulary: int, max_length: int, seed: int) -> TokenSet:
    """Return rows of random ids; a long-tailed class label determines some ids of each row.

    Args:
        rows: Number of rows.
        vocabulary: Exclusive upper bound of ids.
        max_length: Longer rows are truncated.
        seed: Seed of all draws.
    """
    random = np.random.default_rng(seed)
    drawn = np.exp(random.normal(np.log(MEDIAN), SIGMA, rows))
    lengths = np.clip(drawn.astype(np.int64), SHORTEST, max_length)
    prior = 1 / (3 + np.arange(CLASSES))
    labels = random.choice(CLASSES, rows, p=prior / prior.sum())
    ids = random.integers(1000, vocabulary, lengths.sum(), dtype=np.int32)
    marked = random.random(len(ids)) < 0.15
    classes = np.repeat(labels, lengths)[marked]
    ids[marked] = 1000 + classes * MARKERS + random.integers(0, MARKERS, len(classes))
    return TokenSet([str(row) for row in range(rows)], ids, np.concatenate([[0], lengths.cumsum()]), labels)
