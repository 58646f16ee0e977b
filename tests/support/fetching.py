"""Fetching of small files with the stage's parameters."""

from pathlib import Path
from typing import Any, Literal

from complaints.core.paths import DOWNLOADS
from complaints.sources.fetch import fetch
from complaints.sources.params import CfpbParams, ColumnParams, FetchParams, FileParams, SampleParams
from complaints.withdrawals.ledger import NONE, Withdrawals

Format = Literal["auto", "csv", "parquet", "jsonl"]


def columns_of(**changes: Any) -> ColumnParams:
    """Return the columns id, text and label, or with changes: role=name."""
    names = {"text": "text", "label": "label", "id": "id", "date": None, "product": None, "split": None}
    return ColumnParams(**{**names, **changes})


def file_params(
    columns: ColumnParams | None = None, format: Format = "auto", encoding: str = "utf-8", **changes: Any
) -> FileParams:
    """Return the parameters of a file, by default with commas and quotes, or with changes: parameter=value."""
    others = {"delimiter": "auto", "quotes": True, **changes}
    return FileParams(format=format, encoding=encoding, columns=columns or columns_of(), **others)


def filters(
    date_from: str | None = None, date_to: str | None = None, products: tuple[str, ...] | None = None
) -> CfpbParams:
    return CfpbParams(date_from=date_from, date_to=date_to, products=products)


def fetch_params(
    path: Path,
    source: Literal["sample", "file", "hub", "cfpb"] = "file",
    file: FileParams | None = None,
    cfpb: CfpbParams | None = None,
    mask_personal_data: bool = False,
) -> FetchParams:
    return FetchParams(
        source=source,
        path=str(path),
        mask_personal_data=mask_personal_data,
        sample=SampleParams(rows=300, seed=5),
        file=file or file_params(),
        cfpb=cfpb or filters(),
    )


def run_fetch(params: FetchParams, out: Path, withdrawals: Withdrawals = NONE) -> dict[str, Any]:
    """Run fetch into a folder, with the downloads in the working directory, and return the manifest."""
    return fetch(params, out, DOWNLOADS, withdrawals)
