"""Parameters of a backbone: the keys of a model's entry that decide its tokens, and how it is computed."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from complaints.core.section import Section, Text, rule

MaxLength = Annotated[int, Field(ge=8, le=8192)]
Truncation = Literal["start", "end", "both"]
"""The tokens of a long text that are kept: those of its start, of its end, or half of each."""


class TokenizerParams(Section):
    """The backbone, the longest input in tokens, and the part of a longer text that is kept."""

    backbone: Text
    max_length: MaxLength
    truncation: Truncation


class ComputeParams(Section):
    """The backbone and how a stage computes with it."""

    backbone: Text
    numerics: Literal["portable", "fast"]
    precision: Literal["auto", "fp32", "bf16", "fp16"]

    @model_validator(mode="after")
    def _portable_is_fp32(self) -> Self:
        if self.numerics == "portable" and self.precision not in ("auto", "fp32"):
            raise rule("numerics", f"is 'portable', which computes in fp32; set it to fast for {self.precision}")
        return self
