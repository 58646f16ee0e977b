"""Parameters of the stage split."""

from typing import Annotated, Literal

from pydantic import Field

from complaints.core.section import Section, Seed

Fraction = Annotated[float, Field(gt=0, le=0.9)]


class SplitParams(Section):
    """Method of splitting, the fractions of test and of validation among the rest, and the expected sizes."""

    method: Literal["grouped", "canonical", "stratified", "temporal"]
    test_fraction: Fraction
    validation_fraction: Fraction
    seed: Seed
    expected: Annotated[dict[str, int], Field(min_length=1)] | None
