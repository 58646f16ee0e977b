"""Parameters of the stage baseline."""

from typing import Annotated

from pydantic import Field

from complaints.core.config import Count, Positive, Section, Seed


class BaselineParams(Section):
    """Settings of TF-IDF and logistic regression."""

    max_features: Count
    ngram_max: Annotated[int, Field(ge=1, le=5)]
    min_df: Count
    c: Positive
    tolerance: Positive
    seed: Seed
