"""Parameters of the stage pretrain: the keys of a model's entry that decide its masked-language-model training."""

from typing import Annotated

from pydantic import Field

from complaints.backbones.params import ComputeParams
from complaints.core.section import Count, Positive, Section, Seed


class MaskingParams(Section):
    """Masked-language-model training on the training texts."""

    epochs: Annotated[int, Field(ge=0)]
    batch_size: Count
    accumulation: Count
    learning_rate: Positive
    mask_share: Annotated[float, Field(gt=0, le=0.9)]


class PretrainParams(ComputeParams):
    """The keys of a model's entry that decide its `pretrain` stage."""

    seed: Seed
    pretrain: MaskingParams
