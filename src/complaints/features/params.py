"""Parameters of the stage embed: the part of a model's entry that decides its features."""

from dataclasses import dataclass
from typing import Literal

from complaints.backbones.params import Precision


@dataclass(frozen=True)
class EmbedParams:
    """The part of a model's entry that decides its `embed` stage."""

    backbone: str
    weights: str
    train: Literal["full", "lora", "frozen", "head"]
    head: Literal["linear", "stock"]
    pooling: Literal["auto", "mean", "cls", "last"]
    head_start: Literal["probe", "names", "random"]
    precision: Precision

    @property
    def trains_head_alone(self) -> bool:
        """Tell whether the encoder stays as it is, so that its features are all that training needs."""
        return self.train in ("frozen", "head")

    @property
    def uses_features(self) -> bool:
        """Tell whether the features of the untrained encoder are needed at all."""
        return self.trains_head_alone or self.head_start == "probe"
