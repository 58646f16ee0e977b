"""Parameters of the stage tokenize: the part of a model's entry that decides its tokens."""

from dataclasses import dataclass
from typing import Annotated, Literal

from complaints.core.config import Range

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class TokenizerParams:
    """The part of a model's entry that decides its tokens."""

    backbone: str
    max_length: Annotated[int, Range(8, 8192)]
