"""The CFPB's structured file (date, product and issue by complaint id), in memory at about twenty bytes a complaint."""

import difflib
from array import array
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from complaints.core.columns import NO_DAY, Vocabulary
from complaints.core.errors import UserError
from complaints.sources.cfpb.files import DataFile, chunks
from complaints.sources.params import CfpbParams
from complaints.sources.readers.batches import parse_date

STRUCTURED = {"id": "Complaint ID", "date": "Date received", "product": "Product", "label": "Issue"}

EPOCH = date(1970, 1, 1)
WANTED, OUTSIDE_DATES, OTHER_PRODUCT = range(3)
"""Status of a complaint under the filters."""


@dataclass(frozen=True)
class Structured:
    """The structured file in memory, sorted by distinct ids; the first row of a repeated id holds."""

    ids: np.ndarray
    """int64 [complaints]."""
    days: np.ndarray
    """int32 [complaints], days since 1970-01-01, or NO_DAY."""
    labels: np.ndarray
    """int32 [complaints], index into `label_names`, -1 for a blank."""
    products: np.ndarray
    """int32 [complaints], index into `product_names`, -1 for a blank."""
    status: np.ndarray
    """uint8 [complaints]: WANTED, OUTSIDE_DATES or OTHER_PRODUCT."""
    label_names: list[str]
    product_names: list[str]


def complaint_ids(values: pa.Array) -> np.ndarray:
    """Return int64 [rows], -1 where a value is not an integer of up to 18 digits."""
    trimmed = pc.utf8_trim_whitespace(values)
    numeric = pc.match_substring_regex(trimmed, "^[0-9]{1,18}$")
    return pc.if_else(numeric, trimmed, "-1").cast(pa.int64()).to_numpy()


def _days(values: pa.Array) -> np.ndarray:
    """Return int32 [rows], NO_DAY where `parse_date` cannot read a value."""
    coded = values.dictionary_encode()
    dates = map(parse_date, coded.dictionary.to_pylist())
    days = np.array([NO_DAY if day is None else (day - EPOCH).days for day in dates], np.int32)
    return days[coded.indices.to_numpy()]


def _outside(days: np.ndarray, filters: CfpbParams) -> np.ndarray:
    """Return bool [rows], True where the date is outside the window; if there is a window, NO_DAY is outside."""
    outside = np.zeros(len(days), bool)
    if filters.date_from is not None:
        outside |= days < (date.fromisoformat(filters.date_from) - EPOCH).days
    if filters.date_to is not None:
        outside |= (days > (date.fromisoformat(filters.date_to) - EPOCH).days) | (days == NO_DAY)
    return outside


def _check_products(path: Path, wanted: tuple[str, ...], known: list[str]) -> None:
    for product in wanted:
        if product not in known:
            close = difflib.get_close_matches(product, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(known))}"
            raise UserError(f"params: fetch.cfpb.products: no complaint of {path} is about {product!r}; {hint}")


def _structured_columns(file: DataFile, filters: CfpbParams) -> tuple[dict[str, array], list[str], list[str]]:
    """Read the structured file into compact columns, and return them with the names of its labels and products."""
    labels, products = Vocabulary(), Vocabulary()
    # These grow in place; numpy arrays would be in memory twice while they are concatenated.
    columns = {
        "ids": array("q"),
        "days": array("i"),
        "labels": array("i"),
        "products": array("i"),
        "status": array("B"),
    }
    with tqdm(desc="structured rows", unit=" rows", unit_scale=True, disable=None) as bar:
        for chunk in chunks(file, STRUCTURED):
            days = _days(chunk.columns["date"])
            coded = products.encode(chunk.columns["product"])
            wanted = [products.ids[name] for name in filters.products or () if name in products.ids]
            other = ~np.isin(coded, wanted) if filters.products is not None else np.zeros(len(days), bool)
            status = np.select([_outside(days, filters), other], [OUTSIDE_DATES, OTHER_PRODUCT], WANTED)
            columns["ids"].frombytes(complaint_ids(chunk.columns["id"]).tobytes())
            columns["days"].frombytes(days.tobytes())
            columns["labels"].frombytes(labels.encode(chunk.columns["label"]).tobytes())
            columns["products"].frombytes(coded.tobytes())
            columns["status"].frombytes(status.astype(np.uint8).tobytes())
            bar.update(len(days))
    return columns, labels.names, products.names


def read_structured(file: DataFile, filters: CfpbParams) -> tuple[Structured, dict[str, Any]]:
    """Read the structured file, and return it with its counts for the manifest.

    Raises:
        UserError: as `chunks` does; if the file has no row or no valid id; and for a wanted product without complaints.
    """
    columns, labels, products = _structured_columns(file, filters)
    rows = len(columns["ids"])
    if rows == 0:
        raise UserError(f"{file.path} has no rows")
    _check_products(file.path, filters.products or (), products)
    ids = np.frombuffer(columns.pop("ids"), np.int64)
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    numeric = int(np.sum(ids >= 0))
    first = (ids >= 0) & np.append(True, ids[1:] != ids[:-1])
    if numeric == 0:
        raise UserError(f"{file.path}: no {STRUCTURED['id']!r} is a number")
    ids = ids[first]
    order = order[first]
    # One column at a time, so that at most one is in memory twice.
    structured = Structured(
        ids=ids,
        days=np.frombuffer(columns.pop("days"), np.int32)[order],
        labels=np.frombuffer(columns.pop("labels"), np.int32)[order],
        products=np.frombuffer(columns.pop("products"), np.int32)[order],
        status=np.frombuffer(columns.pop("status"), np.uint8)[order],
        label_names=labels,
        product_names=products,
    )
    by_status = [int(np.sum(structured.status == status)) for status in (WANTED, OUTSIDE_DATES, OTHER_PRODUCT)]
    counts = {
        "rows": rows,
        "kept": by_status[WANTED],
        "left_out": {
            "id is no number": rows - numeric,
            "id repeated": numeric - len(ids),
            "outside the dates": by_status[OUTSIDE_DATES],
            "another product": by_status[OTHER_PRODUCT],
        },
        "unreadable_dates": int(np.sum(structured.days == NO_DAY)),
    }
    return structured, counts
