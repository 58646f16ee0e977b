"""Parameters of the stage knn."""

from typing import Annotated

from pydantic import Field

from complaints.core.section import Count, Listed, Positive, Section, Seed, Text


class KnnParams(Section):
    """The features to compare, the candidates of the vote, and the folds that choose among them."""

    features: Text | None
    neighbours: Listed[Count]
    folds: Annotated[int, Field(ge=2, le=100)]
    temperatures: Listed[Positive]
    smoothing: Annotated[float, Field(gt=0, lt=1)]
    seed: Seed
