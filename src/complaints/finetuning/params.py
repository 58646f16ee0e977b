"""Parameters of the stage finetune: the keys of a model's entry that decide its training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from complaints.backbones.params import MaxLength, Truncation
from complaints.core.section import Count, Listed, NotNegative, Positive, Section, Seed, Share, Text, rule
from complaints.features.params import EmbedParams, HeadKindParams, TrainParams
from complaints.teaching.params import TeacherParams


class HeadParams(HeadKindParams):
    """The classification head and its initial weights."""

    probe_c: Positive

    @model_validator(mode="after")
    def _start_fits_kind(self) -> Self:
        if self.kind == "stock" and self.start != "random":
            raise rule("start", f"is {self.start!r}, which needs kind: linear (the stock head is not one linear layer)")
        return self


class LoraParams(Section):
    """Low-rank adapters; `targets` None means every linear layer of the encoder."""

    rank: Count
    alpha: Count
    dropout: Annotated[float, Field(ge=0, le=0.9)]
    targets: Listed[Text] | None


class OptimizerParams(Section):
    """AdamW and its learning rates over the run."""

    learning_rate: Positive
    head_learning_rate: Positive
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    weight_decay: NotNegative
    warmup_fraction: Share
    schedule: Literal["linear", "cosine", "constant"]
    max_grad_norm: Positive


class LossParams(Section):
    """The loss of a row, and the weight of its class."""

    name: Literal["cross_entropy", "focal", "logit_adjusted"]
    focal_gamma: NotNegative
    tau: NotNegative
    label_smoothing: Annotated[float, Field(ge=0, le=0.9)]
    class_weights: Literal["none", "inverse", "sqrt_inverse", "effective"]
    effective_beta: Annotated[float, Field(gt=0, le=0.999999)]

    @model_validator(mode="after")
    def _smoothing_fits_loss(self) -> Self:
        if self.name == "focal" and self.label_smoothing:
            raise rule("label_smoothing", "must be 0.0 with name: focal")
        return self


class AverageParams(Section):
    """Averaged weights in place of the last ones; `decay` is of `ema`, `last` of `last_k`."""

    kind: Literal["none", "ema", "last_k"]
    decay: Annotated[float, Field(gt=0, lt=1)]
    last: Count


class FinetuneParams(TrainParams):
    """Training of a classifier on tokens or features."""

    freeze_layers: Annotated[int, Field(ge=0)]
    lora: LoraParams
    train_fraction: Annotated[float, Field(gt=0, le=1)]
    epochs: Count
    patience: Count
    batch_size: Count
    batch_tokens: Annotated[int, Field(ge=16)] | None
    accumulation: Count
    sampling: Literal["shuffled", "sqrt", "class_aware"]
    optimizer: OptimizerParams
    loss: LossParams
    average: AverageParams
    packing: Literal["auto", "always", "never"]
    compile: bool
    checkpoint_steps: Count

    @model_validator(mode="after")
    def _choices_go_together(self) -> Self:
        balanced = self.loss.class_weights != "none", self.sampling != "shuffled", self.loss.name == "logit_adjusted"
        if sum(balanced) > 1:
            raise rule(
                "sampling",
                f"is {self.sampling!r}: the classes are balanced more than once; take one of loss.class_weights, "
                "sampling and loss.name: logit_adjusted",
            )
        if self.freeze_layers and self.train != "full":
            raise rule(
                "freeze_layers",
                f"is {self.freeze_layers}, but train: {self.train} freezes all layers of the encoder; set it to 0",
            )
        if self.optimizer.layer_decay != 1 and self.train in ("frozen", "head"):
            raise rule(
                "optimizer.layer_decay",
                f"is {self.optimizer.layer_decay:g}, but train: {self.train} trains no layer of the encoder; "
                "set it to 1.0",
            )
        if self.average.kind != "none" and self.train == "frozen":
            raise rule("average.kind", f"is {self.average.kind!r}, but train: frozen does no steps; set it to none")
        if self.batch_tokens is not None and self.train in ("frozen", "head"):
            raise rule(
                "batch_tokens",
                f"is {self.batch_tokens}, but train: {self.train} trains on features, not tokens; set it to null",
            )
        return self


class ModelParams(EmbedParams):
    """The keys of a model's entry that decide its `finetune` stage."""

    max_length: MaxLength
    truncation: Truncation
    seed: Seed
    head: HeadParams
    finetune: FinetuneParams
    teacher: TeacherParams

    @model_validator(mode="after")
    def _groups_go_together(self) -> Self:
        train, batch_tokens = self.finetune.train, self.finetune.batch_tokens
        if self.head.kind == "stock" and self.trains_head_only:
            raise rule("finetune.train", f"is {train!r}, which needs head.kind: linear")
        if self.finetune.compile and self.numerics == "portable":
            raise rule("finetune.compile", "is true, which needs numerics: fast (compiled code differs by processor)")
        if train == "frozen" and self.teacher.models:
            raise rule(
                "teacher.models", "names a teacher, but finetune.train: frozen does no steps; take head or another"
            )
        if self.teacher.unlabeled and self.trains_head_only:
            raise rule(
                "teacher.unlabeled",
                f"is true, but finetune.train: {train} trains on features, which texts without labels do not have; "
                "take full or lora, or set it to false",
            )
        if self.teacher.unlabeled and self.finetune.sampling != "shuffled":
            raise rule(
                "finetune.sampling",
                f"is {self.finetune.sampling!r}, which draws rows by their labels, but teacher.unlabeled adds texts "
                "without any; set it to shuffled (loss.class_weights balances classes too), or teacher.unlabeled to "
                "false",
            )
        if train == "frozen" and self.head.start != "probe":
            raise rule(
                "finetune.train",
                "is 'frozen', whose head is the linear probe; set head.start: probe, or finetune.train: head to train "
                "the head from other initial weights",
            )
        # Padded widths are rounded up to multiples of 8: the longest row may take 7 tokens more than max_length.
        if batch_tokens is not None and batch_tokens < self.max_length + 7:
            raise rule(
                "finetune.batch_tokens",
                f"is {batch_tokens}; it must hold at least one text, max_length + 7 = {self.max_length + 7} tokens",
            )
        return self


class CrossFitKeys(Section):
    """Models of folds of the training rows, for predictions out of fold."""

    folds: Annotated[int, Field(ge=0, le=100)]

    @model_validator(mode="after")
    def _two_folds_or_none(self) -> Self:
        if self.folds == 1:
            raise rule("folds", "is 1; it must be 0 for none, or at least 2")
        return self


class CrossFitParams(ModelParams):
    """The keys of a model's entry that decide its `cross_fit` stage."""

    cross_fit: CrossFitKeys

    @model_validator(mode="after")
    def _folds_see_no_labels_of_their_rows(self) -> Self:
        if self.cross_fit.folds and self.teacher.models:
            raise rule(
                "cross_fit.folds",
                f"is {self.cross_fit.folds}, but the entry has a teacher, whose logits know the rows of all folds; "
                "set it to 0",
            )
        return self
