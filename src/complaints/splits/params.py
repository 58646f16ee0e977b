"""Parameters of the stage split."""

from dataclasses import dataclass
from typing import Annotated, Literal

from complaints.core.config import Range, Seed


@dataclass(frozen=True)
class SplitParams:
    """How complaints are divided; the fractions lie strictly between 0 and 1."""

    method: Literal["grouped", "canonical", "stratified", "temporal"]
    test_fraction: Annotated[float, Range(0, 0.9, above=True)]
    validation_fraction: Annotated[float, Range(0, 0.9, above=True)]
    seed: Seed
    expected: dict[str, int] | None
