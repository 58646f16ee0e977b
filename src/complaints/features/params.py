"""Parameters of the stage embed: the part of a model's entry that decides its features."""

from typing import Literal

from complaints.backbones.params import Precision
from complaints.core.config import Section, Text

Train = Literal["full", "lora", "frozen", "head"]


class HeadKindParams(Section):
    """The keys of a head that decide whether features are needed, and which."""

    kind: Literal["linear", "stock"]
    pooling: Literal["auto", "mean", "cls", "last"]
    start: Literal["probe", "names", "random"]


class TrainParams(Section):
    """The key of `finetune` that decides whether features are needed."""

    train: Train


class EmbedParams(Section):
    """The part of a model's entry that decides its `embed` stage."""

    backbone: Text
    precision: Precision
    weights: Text
    head: HeadKindParams
    finetune: TrainParams

    @property
    def trains_head_only(self) -> bool:
        """Whether the encoder stays as it is, so that its features are all that training needs."""
        return self.finetune.train in ("frozen", "head")

    @property
    def uses_features(self) -> bool:
        """Whether the features of the untrained encoder are needed at all."""
        return self.trains_head_only or self.head.start == "probe"
