"""params.yaml as frozen, checked dataclasses, one per section."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, overload

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from complaints.core.config import Count, Day, NotNegative, PlainConstructor, Positive, Range, Seed, build
from complaints.core.errors import UserError
from complaints.finetuning.params import EmbedParams, ModelParams, PretrainParams, TokenizerParams, check_models

PARAMS_FILE = Path("params.yaml")


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


def parse(value: Any) -> Params:
    """Check the whole of params.yaml, given as plain dicts and lists.

    Raises:
        UserError: naming the first key that is unknown, missing, of the wrong type or impossible.
    """
    params = build(Params, value, "")
    window = params.fetch.cfpb
    if window.date_from and window.date_to and window.date_from > window.date_to:
        raise UserError(f"params: fetch.cfpb.date_from is {window.date_from!r}, later than date_to, {window.date_to!r}")
    check_models(params.models)
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
