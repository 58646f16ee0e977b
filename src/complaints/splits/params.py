"""Parameters of the stage split."""

from typing import Annotated, Literal

from pydantic import Field

from complaints.core.config import Section, Seed

Fraction = Annotated[float, Field(gt=0, le=0.9)]


class SplitParams(Section):
    """The method and the sizes of the splits."""

    method: Literal["grouped", "canonical", "stratified", "temporal"]
    test_fraction: Fraction
    validation_fraction: Fraction
    seed: Seed
    expected: Annotated[dict[str, int], Field(min_length=1)] | None
