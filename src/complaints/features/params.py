"""Parameters of the stage embed: the keys of a model's entry that decide its features."""

from typing import ClassVar, Literal

from complaints.backbones.params import ComputeParams
from complaints.core.section import Section, Text

Train = Literal["full", "lora", "frozen", "head"]


class HeadKindParams(Section):
    """The keys of `head` that decide whether the entry needs features, and with which pooling."""

    partial: ClassVar[bool] = True
    kind: Literal["linear", "stock"]
    pooling: Literal["auto", "mean", "cls", "last"]
    start: Literal["probe", "names", "random"]


class TrainParams(Section):
    """The key of `finetune` that decides whether the entry needs features."""

    partial: ClassVar[bool] = True
    train: Train


class EmbedParams(ComputeParams):
    """The keys of a model's entry that decide its `embed` stage."""

    weights: Text
    head: HeadKindParams
    finetune: TrainParams

    @property
    def trains_head_only(self) -> bool:
        """Whether training leaves the encoder unchanged, and therefore works on features."""
        return self.finetune.train in ("frozen", "head")

    @property
    def uses_features(self) -> bool:
        """Whether the entry needs features of the encoder with its initial weights."""
        return self.trains_head_only or self.head.start == "probe"
