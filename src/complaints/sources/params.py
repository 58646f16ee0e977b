"""Parameters of the stage fetch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from complaints.core.config import Day, Range, Seed


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
