"""Parameters of the stage split."""

from dataclasses import dataclass
from typing import Annotated, Literal

from complaints.core.config import Range, Seed


@dataclass(frozen=True)
class SplitParams:
    """Method of splitting, the fractions of test and of validation among the rest, and the expected sizes."""

    method: Literal["grouped", "canonical", "stratified", "temporal"]
    test_fraction: Annotated[float, Range(0, 0.9, above=True)]
    validation_fraction: Annotated[float, Range(0, 0.9, above=True)]
    seed: Seed
    expected: dict[str, int] | None
