"""Parameters of the stage baseline."""

from dataclasses import dataclass
from typing import Annotated

from complaints.core.config import Count, Positive, Range, Seed


@dataclass(frozen=True)
class BaselineParams:
    """Settings of TF-IDF and logistic regression."""

    max_features: Count
    ngram_max: Annotated[int, Range(1, 5)]
    min_df: Count
    c: Positive
    tolerance: Positive
    seed: Seed
