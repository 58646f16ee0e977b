"""Parameters of the stage pretrain: the part of a model's entry that decides its masked-language-model training."""

from dataclasses import dataclass
from typing import Annotated

from complaints.backbones.params import Precision
from complaints.core.config import Count, Positive, Range, Seed


@dataclass(frozen=True)
class MaskingParams:
    """How the backbone's masked-language-model training goes on, on the training texts."""

    epochs: Annotated[int, Range(0)]
    batch_size: Count
    learning_rate: Positive
    mask_share: Annotated[float, Range(0, 0.9, above=True)]


@dataclass(frozen=True)
class PretrainParams:
    """The part of a model's entry that decides its `pretrain` stage."""

    backbone: str
    pretrain: MaskingParams
    precision: Precision
    seed: Seed
