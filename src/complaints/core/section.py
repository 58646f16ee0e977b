"""Sections of YAML files as frozen pydantic models, the types of their fields, and the error of their validators."""

from datetime import date
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A mapping of a YAML file; subclasses have its keys as fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
    partial: ClassVar[bool] = False
    """Whether the mapping has keys of other stages too. Subclasses do not inherit it: they may have all keys."""


T = TypeVar("T")


def _iso_day(value: str) -> str:
    try:
        if date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise PydanticCustomError("day", "Input should be a day, as 'YYYY-MM-DD'")


Text = Annotated[str, StringConstraints(pattern=r"\S")]
"""A string that is not blank."""
Day = Annotated[str, AfterValidator(_iso_day)]
"""A day as YYYY-MM-DD; as strings, days sort in time."""
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# A YAML list becomes a tuple, which strict mode alone would refuse.
Listed = Annotated[tuple[T, ...], Strict(False), Field(min_length=1)]
"""A list with at least one item."""


def rule(key: str | tuple[str | int, ...], message: str) -> PydanticCustomError:
    """Return the error for a validator of several keys to raise.

    Args:
        key: The key to change, relative to the mapping of the validator: dotted, or a tuple of keys and indices.
        message: Continues the sentence that begins with the key: "is 3, but ...".
    """
    return PydanticCustomError(
        "rule", "{message}", {"key": tuple(key.split(".")) if isinstance(key, str) else key, "message": message}
    )
