"""Parameters of the stage embed: the keys of a model's entry that decide its features."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from complaints.backbones.params import ComputeParams
from complaints.core.schema import SPLITS
from complaints.core.section import Listed, Section, Text, rule

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
    """The keys of a model's entry that decide which features its training needs, and their values."""

    weights: Text
    keep_layers: Listed[Annotated[int, Field(ge=0)]] | None
    """Layers of the encoder to keep, None for all."""
    head: HeadKindParams
    finetune: TrainParams

    @model_validator(mode="after")
    def _layers_ascend(self) -> Self:
        kept = self.keep_layers
        if kept is not None and list(kept) != sorted(set(kept)):
            raise rule("keep_layers", f"is {list(kept)}; its layers must be in ascending order, each named once")
        return self

    @property
    def trains_head_only(self) -> bool:
        """Whether training leaves the encoder unchanged, and therefore works on features."""
        return self.finetune.train in ("frozen", "head")

    @property
    def feature_splits(self) -> tuple[str, ...]:
        """Splits whose features are needed: the linear probe needs train, training the head alone needs all."""
        if self.trains_head_only:
            return SPLITS
        return SPLITS[:1] if self.head.start == "probe" else ()


class FeatureParams(EmbedParams):
    """The keys of the stage embed: those that training depends on, and whether other stages need features."""

    features: bool

    @property
    def feature_splits(self) -> tuple[str, ...]:
        """Splits whose features are needed, by training or by others."""
        return SPLITS if self.features else super().feature_splits
