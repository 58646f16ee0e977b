"""A small corpus of complaints and the TF-IDF model fitted on it."""

from functools import cache

import numpy as np

from complaints.baseline import tfidf
from complaints.baseline.params import BaselineParams, CharacterParams, NgramParams

PARAMS = BaselineParams(
    words=NgramParams(max_features=500, ngram_max=2, min_df=2, c=50.0, tolerance=0.02),
    characters=CharacterParams(max_features=500, ngram_min=3, ngram_max=5, min_df=2, c=50.0, tolerance=0.02),
    character_weight=0.3,
    seed=13,
    folds=3,
    learning_curve=(0.2, 0.5, 1.0),
)
TOPICS = [
    "late fee charged twice",
    "credit report shows wrong account",
    "collector phones me at work",
    "mortgage escrow",
]
CLASSES = 6
"""Two more than the topics: ids 2 and 5 have no training rows."""
IDS = [0, 1, 3, 4]
NEW = ["a LATE fee, again", "my report is wrong", "the collector phones", "escrow of my mortgage", ""]


def corpus() -> tuple[list[str], np.ndarray]:
    """Return 200 short complaints, the first topic twice as frequent as each of the others."""
    rng = np.random.default_rng(0)
    fillers = ["bank", "letter", "month", "never", "again", "XXXX", "{$30.00}"]
    topics = rng.choice(4, 200, p=[0.4, 0.2, 0.2, 0.2])
    return [f"{TOPICS[t]} {' '.join(rng.choice(fillers, 3))}" for t in topics], np.array(IDS, np.int32)[topics]


def fit() -> tfidf.TfidfModel:
    return tfidf.fit_tfidf(*corpus(), CLASSES, PARAMS)


@cache
def fitted() -> tfidf.TfidfModel:
    """Return a model that tests share and must not change."""
    return fit()
