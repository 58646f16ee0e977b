"""Parameters of the stages measure and recommend."""

import difflib
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from complaints.core.section import Count, Positive, Section, Share, Text
from complaints.recommending.measures import MEASURES


class CostsParams(Section):
    """The number of calls that the stage measure times."""

    measure: bool
    texts: Count
    singles: Annotated[int, Field(ge=20)]
    batches: Annotated[int, Field(ge=5)]
    rounds: Count


class PricesParams(Section):
    """Euros for an hour of the measured machine."""

    cpu_hour: Positive
    gpu_hour: Positive


class Constraints(Section):
    """Limits that a row has to keep; those that are left out do not count."""

    p50_ms: Positive | None = None
    p95_ms: Positive | None = None
    batch_p50_ms: Positive | None = None
    batch_p95_ms: Positive | None = None
    minutes_per_million: Positive | None = None
    euros_per_million: Positive | None = None
    memory_mb: Positive | None = None
    disk_mb: Positive | None = None
    training_minutes: Positive | None = None
    accuracy: Share | None = None
    macro_f1: Share | None = None
    macro_f1_10: Share | None = None
    macro_f1_head: Share | None = None
    macro_f1_mid: Share | None = None
    macro_f1_tail: Share | None = None
    weighted_f1: Share | None = None
    balanced_accuracy: Share | None = None
    top3_accuracy: Share | None = None

    @property
    def limits(self) -> dict[str, float]:
        """Return the limits that are set, by the name of the measure."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


def _check_measure(name: str) -> str:
    if name in MEASURES:
        return name
    close = difflib.get_close_matches(name, MEASURES, n=1)
    known = f"be {close[0]!r}, perhaps" if close else f"be one of {', '.join(MEASURES)}"
    raise PydanticCustomError("measure", "Input should {known}", {"known": known})


class UseCase(Section):
    """Constraints on a row of the scoreboard, and the objective by which it is chosen."""

    about: Text
    device: Literal["any", "cpu", "gpu"]
    constraints: Constraints | None
    objective: Annotated[str, AfterValidator(_check_measure), Field(json_schema_extra={"enum": sorted(MEASURES)})]

    @property
    def limits(self) -> dict[str, float]:
        """Return the limits by the name of the measure."""
        return self.constraints.limits if self.constraints else {}


class RecommendParams(Section):
    """Prices, and the use cases by name."""

    prices: PricesParams
    use_cases: dict[Text, UseCase]
