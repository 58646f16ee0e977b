"""An entry of `models:` in params.yaml: the parameters of one fine-tuned model, by the stages that read them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from complaints.backbones.params import TokenizerParams
from complaints.core.config import Count, NotNegative, Positive, Range, Seed, Share
from complaints.core.errors import UserError
from complaints.features.params import EmbedParams
from complaints.pretraining.params import MaskingParams


@dataclass(frozen=True)
class LoraParams:
    """Low-rank adapters; `targets` None stands for every linear layer of the encoder."""

    rank: Count
    alpha: Count
    dropout: Annotated[float, Range(0, 0.9)]
    targets: tuple[str, ...] | None


@dataclass(frozen=True)
class ModelParams(TokenizerParams, EmbedParams):
    """One entry of `models:`."""

    pretrain: MaskingParams
    freeze_layers: Annotated[int, Range(0)]
    lora: LoraParams
    probe_c: Positive
    epochs: Count
    batch_size: Count
    batch_tokens: Annotated[int, Range(16)] | None
    accumulation: Count
    learning_rate: Positive
    head_learning_rate: Positive
    weight_decay: NotNegative
    warmup_fraction: Share
    max_grad_norm: Positive
    patience: Count
    loss: Literal["cross_entropy", "focal", "logit_adjusted"]
    focal_gamma: NotNegative
    loss_tau: NotNegative
    label_smoothing: Annotated[float, Range(0, 0.9)]
    class_weights: Literal["none", "inverse", "sqrt_inverse", "effective"]
    effective_beta: Annotated[float, Range(0, 0.999999, above=True)]
    sampling: Literal["shuffled", "sqrt", "class_aware"]
    schedule: Literal["linear", "cosine", "constant"]
    layer_decay: Annotated[float, Range(0, 1, above=True)]
    packing: Literal["auto", "always", "never"]
    compile: bool
    seed: Seed
    checkpoint_steps: Count


RESERVED_NAMES = frozenset({"majority", "pretrained", "tfidf"})
"""Rows that the scoreboard has anyway, and the folder models/pretrained/."""


def check_models(models: dict[str, ModelParams]) -> None:
    """Refuse names and choices that do not go together.

    Raises:
        UserError: naming the first one.
    """
    for name, model in models.items():
        if name in RESERVED_NAMES or name.endswith("-adjusted") or not name.replace("-", "_").isidentifier():
            raise UserError(
                f"params: models.{name} cannot be a model's name; take letters, digits, '_' and '-', "
                f"none of {', '.join(sorted(RESERVED_NAMES))}, and nothing that ends in -adjusted"
            )
        if model.head == "stock" and model.head_start != "random":
            raise UserError(
                f"params: models.{name}.head_start is {model.head_start!r}, which needs head: linear "
                "(the stock head is not one linear layer)"
            )
        if model.loss == "focal" and model.label_smoothing:
            raise UserError(f"params: models.{name}.label_smoothing must be 0.0 with loss: focal")
        balanced = model.class_weights != "none", model.sampling != "shuffled", model.loss == "logit_adjusted"
        if sum(balanced) > 1:
            raise UserError(
                f"params: models.{name} evens out its classes more than once; "
                "take one of class_weights, sampling and loss: logit_adjusted"
            )
        if model.head == "stock" and model.trains_head_alone:
            raise UserError(f"params: models.{name}.train is {model.train!r}, which needs head: linear")
        if model.train == "frozen" and model.head_start != "probe":
            raise UserError(
                f"params: models.{name}.train is 'frozen', whose head is the probe; set head_start: probe, "
                "or train: head to train it from another start"
            )
        if model.freeze_layers and model.train != "full":
            raise UserError(
                f"params: models.{name}.freeze_layers is {model.freeze_layers}, but train: {model.train} leaves the "
                "whole encoder as it is; set one of them back"
            )
        if model.layer_decay != 1 and model.trains_head_alone:
            raise UserError(
                f"params: models.{name}.layer_decay is {model.layer_decay:g}, but train: {model.train} trains no layer "
                "of the encoder; set it to 1.0"
            )
        if model.batch_tokens is not None and model.trains_head_alone:
            raise UserError(
                f"params: models.{name}.batch_tokens is {model.batch_tokens}, but train: {model.train} works on "
                "features, not tokens; set it to null"
            )
        # Widths are rounded up to multiples of 8, so that the longest row needs as many.
        if model.batch_tokens is not None and model.batch_tokens < model.max_length + 7:
            raise UserError(
                f"params: models.{name}.batch_tokens is {model.batch_tokens}; it must hold at least one text, "
                f"max_length + 7 = {model.max_length + 7} tokens"
            )
