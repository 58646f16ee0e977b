"""Parameters of the stage fetch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from complaints.core.config import Day, Range, Seed


@dataclass(frozen=True)
class SampleParams:
    """Parameters of the synthetic corpus."""

    rows: Annotated[int, Range(100)]
    seed: Seed


@dataclass(frozen=True)
class ColumnParams:
    """Column of a user's file for each role; None where the file has no such column."""

    text: str
    label: str
    id: str | None
    date: str | None
    product: str | None
    split: str | None


@dataclass(frozen=True)
class FileParams:
    """Format, encoding and columns of a user's file."""

    format: Literal["auto", "csv", "parquet", "jsonl"]
    encoding: str
    columns: ColumnParams


@dataclass(frozen=True)
class CfpbParams:
    """Filters of the CFPB's complaints; None keeps all. Dates are YYYY-MM-DD, and both ends are included."""

    date_from: Day | None
    date_to: Day | None
    products: tuple[str, ...] | None


@dataclass(frozen=True)
class FetchParams:
    """Source of the complaints."""

    source: Literal["sample", "file", "hub", "cfpb"]
    path: str
    mask_personal_data: bool
    sample: SampleParams
    file: FileParams
    cfpb: CfpbParams
