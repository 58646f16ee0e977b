"""The CFPB's complaints: narratives, joined with the structured file as they pass, and an account of all left out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.cfpb.files import check_header, chunks, locate, read_description
from complaints.sources.cfpb.structured import (
    NO_DATE,
    OTHER_PRODUCT,
    OUTSIDE_DATES,
    STRUCTURED,
    WANTED,
    Structured,
    complaint_ids,
    read_structured,
)
from complaints.sources.params import CfpbParams

NARRATIVES = {"id": "Complaint ID", "text": "Consumer complaint narrative"}
NO_NARRATIVES = " (exports since September 2026 have no narratives; name the archive under `narratives`)"

LEFT_OUT = (
    "id is no number",
    "not in the structured file",
    "outside the dates",
    "another product",
    "blank narrative",
    "id repeated, same narrative",
    "id repeated, another narrative",
)
"""Why a narrative is left out: the first of these that holds. Of a repeated id the first narrative is kept."""
KEPT = len(LEFT_OUT)


@dataclass
class Report:
    """What the manifest is to say; complete once all batches are drawn."""

    files: list[dict[str, Any]] = field(default_factory=list)
    """{name, bytes, sha256, rows} of every file, and `address` if it was downloaded."""
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LEFT_OUT, 0))
    """Reason -> narratives."""
    structured: dict[str, Any] = field(default_factory=dict)
    """Rows of the structured file: {rows, kept, left_out, unreadable_dates, kept_without_narrative}."""


class Join:
    """Joins narratives with the structured file by complaint id, in whatever order and number of batches they come."""

    def __init__(self, structured: Structured) -> None:
        """Start with no narrative seen."""
        self.structured = structured
        self._hashes = np.zeros(len(structured.ids), np.int64)
        self._label_names = pa.array(structured.label_names, pa.string())
        self._product_names = pa.array(structured.product_names, pa.string())

    def without_narrative(self) -> int:
        """Return the number of wanted complaints for which no narrative was kept so far."""
        return int(np.sum((self.structured.status == WANTED) & (self._hashes == 0)))

    def add(self, ids: pa.Array, texts: pa.Array) -> tuple[pa.RecordBatch, np.ndarray]:
        """Return the rows to keep in RAW_SCHEMA, in order, and int64 [KEPT + 1]: rows by index of LEFT_OUT or KEPT."""
        numbers = complaint_ids(ids)
        places = np.minimum(np.searchsorted(self.structured.ids, numbers), len(self.structured.ids) - 1)
        status = self.structured.status[places]
        reasons = np.select(
            [
                numbers < 0,
                self.structured.ids[places] != numbers,
                status == OUTSIDE_DATES,
                status == OTHER_PRODUCT,
                pc.equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False),
            ],
            list(range(5)),
            KEPT,
        )
        self._mark_repeated(places, texts, reasons)
        kept = np.flatnonzero(reasons == KEPT)
        batch = self._rows(numbers[kept], texts.take(pa.array(kept)), places[kept])
        return batch, np.bincount(reasons, minlength=KEPT + 1)

    def _mark_repeated(self, places: np.ndarray, texts: pa.Array, reasons: np.ndarray) -> None:
        """Change the reason of every row whose complaint has a narrative already, of this batch or an earlier one."""
        rows = np.flatnonzero(reasons == KEPT)
        places = places[rows]
        # Eight bytes of a text tell whether it is the same; zero stands for none seen.
        hashes = np.fromiter((hash(text) or 1 for text in texts.take(pa.array(rows)).to_pylist()), np.int64, len(rows))
        first = np.zeros(len(rows), bool)
        first[np.unique(places, return_index=True)[1]] = True
        first &= self._hashes[places] == 0
        self._hashes[places[first]] = hashes[first]
        same = self._hashes[places] == hashes
        reasons[rows[~first & same]] = LEFT_OUT.index("id repeated, same narrative")
        reasons[rows[~first & ~same]] = LEFT_OUT.index("id repeated, another narrative")

    def _rows(self, numbers: np.ndarray, texts: pa.Array, places: np.ndarray) -> pa.RecordBatch:
        labels, products = self.structured.labels[places], self.structured.products[places]
        days = self.structured.days[places]
        arrays = [
            pa.array(numbers).cast(pa.string()),
            texts,
            self._label_names.take(pa.array(labels, mask=labels < 0)),
            pa.array(days, mask=days == NO_DATE).cast(pa.date32()),
            self._product_names.take(pa.array(products, mask=products < 0)),
            pa.nulls(len(places), pa.string()),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)


def read_batches(description: Path, filters: CfpbParams, report: Report) -> Iterator[pa.RecordBatch]:
    """Yield the complaints that the filters want, in RAW_SCHEMA, in the order of their narratives; fill the report.

    `row_id` is the Complaint ID, label the Issue as the consumer chose it, null where blank. A date that cannot be read
    is null and counted; where there is a window of dates its complaint is left out. The structured file stays in
    memory, the narratives pass by. Without narratives of their own, the structured file is read twice.

    Raises:
        UserError: for a description, a file, a row or a filter that is wrong, and if no complaint is left.
    """
    complaints, narratives = locate(read_description(description))
    # All of them before the long reading begins.
    check_header(complaints, STRUCTURED if narratives else STRUCTURED | NARRATIVES, "" if narratives else NO_NARRATIVES)
    for file in narratives:
        check_header(file, NARRATIVES)
    structured, counts = read_structured(complaints, filters)
    join = Join(structured)
    totals = np.zeros(KEPT + 1, np.int64)
    for file in narratives or [complaints]:
        before = totals.sum()
        for chunk in chunks(file, NARRATIVES):
            batch, by_reason = join.add(chunk.columns["id"], chunk.columns["text"])
            totals += by_reason
            yield batch
        file.entry["rows"] = int(totals.sum() - before)
    complaints.entry["rows"] = counts["rows"]
    report.files += [file.entry for file in [complaints, *narratives]]
    report.left_out |= dict(zip(LEFT_OUT, totals.tolist(), strict=False))
    report.structured |= counts | {"kept_without_narrative": join.without_narrative()}
    if totals[KEPT] == 0:
        reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in report.left_out.items() if rows)
        raise UserError(f"{description}: no complaint is left of {totals.sum():,} narratives ({reasons or 'no rows'})")
