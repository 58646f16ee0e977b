"""Parameters of the stage tokenize: the keys of a model's entry that decide its tokens."""

from typing import Annotated, Literal

from pydantic import Field

from complaints.core.config import Section, Text

Precision = Literal["auto", "fp32", "bf16", "fp16"]
MaxLength = Annotated[int, Field(ge=8, le=8192)]


class TokenizerParams(Section):
    """The backbone and the longest input, in tokens."""

    backbone: Text
    max_length: MaxLength
