"""params.yaml as frozen, checked dataclasses, one per section."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, overload

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from complaints.errors import UserError
from complaints.typed import IsoDay, PlainConstructor, Range, build

PARAMS_FILE = Path("params.yaml")


Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(1)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Day = Annotated[str, IsoDay()]


@dataclass(frozen=True)
class SampleParams:
    """How the synthetic corpus is made."""

    rows: Annotated[int, Range(100)]
    seed: Seed


@dataclass(frozen=True)
class ColumnParams:
    """Which column of a user's file holds what; None where the file has no such column."""

    text: str
    label: str
    id: str | None
    date: str | None
    product: str | None
    split: str | None


@dataclass(frozen=True)
class FileParams:
    """How a user's file is read."""

    format: Literal["auto", "csv", "parquet", "jsonl"]
    encoding: str
    columns: ColumnParams


@dataclass(frozen=True)
class CfpbParams:
    """Which of the CFPB's complaints are kept; None keeps all. Dates are YYYY-MM-DD, both ends included."""

    date_from: Day | None
    date_to: Day | None
    products: tuple[str, ...] | None


@dataclass(frozen=True)
class FetchParams:
    """Where the complaints come from."""

    source: Literal["sample", "file", "hub", "cfpb"]
    path: str
    mask_personal_data: bool
    sample: SampleParams
    file: FileParams
    cfpb: CfpbParams


@dataclass(frozen=True)
class AuditParams:
    """What the audit looks for."""

    short_words: Count
    listed_labels: Count
    tokenizer: str
    max_lengths: tuple[Count, ...]
    token_sample: Count
    rename_candidates: Count


@dataclass(frozen=True)
class MergeLabelsParams:
    """How raw labels become classes."""

    map: str
    only_listed: bool
    min_count: Count


@dataclass(frozen=True)
class SplitParams:
    """How complaints are divided; the fractions lie strictly between 0 and 1."""

    method: Literal["grouped", "canonical", "stratified", "temporal"]
    test_fraction: Annotated[float, Range(0, 0.9, above=True)]
    validation_fraction: Annotated[float, Range(0, 0.9, above=True)]
    seed: Seed
    expected: dict[str, int] | None


@dataclass(frozen=True)
class BaselineParams:
    """TF-IDF and logistic regression."""

    max_features: Count
    ngram_max: Annotated[int, Range(1, 5)]
    min_df: Count
    c: Positive
    tolerance: Positive
    seed: Seed


@dataclass(frozen=True)
class TokenizerParams:
    """The part of a model's entry that decides its tokens."""

    backbone: str
    max_length: Annotated[int, Range(8, 8192)]


Precision = Literal["auto", "fp32", "bf16", "fp16"]


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


@dataclass(frozen=True)
class EvaluateParams:
    """How predictions become the scoreboard."""

    adjustment_grid: tuple[NotNegative, ...]
    worst_pairs: Count


@dataclass(frozen=True)
class TrackingParams:
    """Where runs are logged."""

    enabled: bool
    experiment: str


@dataclass(frozen=True)
class Params:
    """The whole of params.yaml."""

    fetch: FetchParams
    audit: AuditParams
    merge_labels: MergeLabelsParams
    split: SplitParams
    baseline: BaselineParams
    models: dict[str, ModelParams]
    evaluate: EvaluateParams
    tracking: TrackingParams
    launcher: str


RESERVED_NAMES = frozenset({"majority", "pretrained", "tfidf"})
"""Rows that the scoreboard has anyway, and the folder models/pretrained/."""


def _check_models(models: dict[str, ModelParams]) -> None:
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


def parse(value: Any) -> Params:
    """Check the whole of params.yaml, given as plain dicts and lists.

    Raises:
        UserError: naming the first key that is unknown, missing, of the wrong type or impossible.
    """
    params = build(Params, value, "")
    window = params.fetch.cfpb
    if window.date_from and window.date_to and window.date_from > window.date_to:
        raise UserError(f"params: fetch.cfpb.date_from is {window.date_from!r}, later than date_to, {window.date_to!r}")
    _check_models(params.models)
    return params


def read_yaml(path: str | Path) -> Any:
    """Read YAML 1.2 (where 5e-5 is a number) into plain dicts and lists.

    Raises:
        UserError: if the file is missing or not valid YAML, naming file and line.
    """
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = PlainConstructor
        return yaml.load(Path(path))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run this at the root of the project") from None
    except (MarkedYAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UserError(f"{path}{line}: {problem}") from None


@overload
def load(section: Literal["fetch"]) -> FetchParams: ...
@overload
def load(section: Literal["audit"]) -> AuditParams: ...
@overload
def load(section: Literal["merge_labels"]) -> MergeLabelsParams: ...
@overload
def load(section: Literal["split"]) -> SplitParams: ...
@overload
def load(section: Literal["baseline"]) -> BaselineParams: ...
@overload
def load(section: Literal["models"]) -> dict[str, ModelParams]: ...
@overload
def load(section: Literal["evaluate"]) -> EvaluateParams: ...
@overload
def load(section: Literal["tracking"]) -> TrackingParams: ...
def load(section: str) -> Any:
    """Return one section of params.yaml in the working directory, after checking the whole file.

    Raises:
        UserError: as `parse` does.
    """
    return getattr(parse(read_yaml(PARAMS_FILE)), section)


def load_model(name: str) -> ModelParams:
    """Return the entry `name` of `models:`.

    Raises:
        UserError: as `parse` does, or if there is no such entry.
    """
    models = load("models")
    if name not in models:
        raise UserError(f"params: models.{name} is missing; there are {', '.join(models)}")
    return models[name]


Part = TypeVar("Part", TokenizerParams, PretrainParams, EmbedParams)


def load_part(name: str, kind: type[Part]) -> Part:
    """Return the part of the entry `name` of `models:` that `kind` has fields for, which one stage depends on.

    Raises:
        UserError: as `load_model` does.
    """
    model = load_model(name)
    return kind(**{field.name: getattr(model, field.name) for field in fields(kind)})
