"""Parameters of the stage compress: the key `compress` of a model's entry."""

from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from complaints.core.section import Section, rule
from complaints.scoring.rungs import Format


class CompressParams(Section):
    """The formats of an entry, and the check of their labels."""

    formats: Annotated[tuple[Format, ...], Strict(False)]
    per_channel: bool
    min_agreement: Annotated[float, Field(ge=0, le=1)]
    sensitivity: bool

    @model_validator(mode="after")
    def _formats_differ(self) -> Self:
        if len(set(self.formats)) < len(self.formats):
            raise rule("formats", f"is {list(self.formats)}; name each format once")
        if self.sensitivity and not set(self.formats) - {"onnx"}:
            raise rule("sensitivity", "is true, which needs int8, int8_blocks or int4 among formats")
        return self


class CompressedEntry(Section):
    """The keys of a model's entry that decide its `compress` stage."""

    compress: CompressParams
