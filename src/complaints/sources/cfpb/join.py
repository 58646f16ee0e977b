"""Complaints of the CFPB: narratives joined with the structured file in a stream, and the count of those left out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.columns import NO_DAY
from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.cfpb.description import CfpbDescription
from complaints.sources.cfpb.files import check_header, chunks, locate
from complaints.sources.cfpb.structured import (
    OTHER_PRODUCT,
    OUTSIDE_DATES,
    STRUCTURED,
    WANTED,
    Structured,
    complaint_ids,
    read_structured,
)
from complaints.sources.description import read_description
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
"""Reasons to leave a narrative out; the first that holds is counted. The first narrative of a repeated id is kept."""
KEPT = len(LEFT_OUT)


@dataclass
class Report:
    """Content of the manifest; complete once all batches are drawn."""

    files: list[dict[str, Any]] = field(default_factory=list)
    """{name, bytes, sha256, rows} of every file, and `address` if the file was downloaded."""
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LEFT_OUT, 0))
    """Reason -> number of narratives."""
    structured: dict[str, Any] = field(default_factory=dict)
    """Counts of rows of the structured file: {rows, kept, left_out, unreadable_dates, kept_without_narrative}."""


class Join:
    """Join of narratives with the structured file by complaint id, in any order and number of batches."""

    def __init__(self, structured: Structured) -> None:
        """Prepare the join; no complaint has a narrative yet."""
        self.structured = structured
        self._hashes = np.zeros(len(structured.ids), np.int64)
        self._label_names = pa.array(structured.label_names, pa.string())
        self._product_names = pa.array(structured.product_names, pa.string())

    def without_narrative(self) -> int:
        """Return the number of wanted complaints without a kept narrative so far."""
        return int(np.sum((self.structured.status == WANTED) & (self._hashes == 0)))

    def add(self, ids: pa.Array, texts: pa.Array) -> tuple[pa.RecordBatch, np.ndarray]:
        """Join a batch of narratives.

        Args:
            ids: complaint ids, strings.
            texts: the narratives, strings.

        Returns:
            The rows to keep, in RAW_SCHEMA and in order; and the number of rows by reason, int64 [KEPT + 1], where the
            position is an index into LEFT_OUT or KEPT.
        """
        numbers = complaint_ids(ids)
        positions = np.minimum(np.searchsorted(self.structured.ids, numbers), len(self.structured.ids) - 1)
        status = self.structured.status[positions]
        reasons = np.select(
            [
                numbers < 0,
                self.structured.ids[positions] != numbers,
                status == OUTSIDE_DATES,
                status == OTHER_PRODUCT,
                pc.equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False),
            ],
            list(range(5)),
            KEPT,
        )
        self._mark_repeated(positions, texts, reasons)
        kept = np.flatnonzero(reasons == KEPT)
        batch = self._rows(numbers[kept], texts.take(pa.array(kept)), positions[kept])
        return batch, np.bincount(reasons, minlength=KEPT + 1)

    def _mark_repeated(self, positions: np.ndarray, texts: pa.Array, reasons: np.ndarray) -> None:
        """Change the reason of every row whose complaint already has a narrative, from this batch or an earlier one."""
        rows = np.flatnonzero(reasons == KEPT)
        positions = positions[rows]
        # Texts are compared by an eight-byte hash, to save memory; zero means that there is none yet.
        hashes = np.fromiter((hash(text) or 1 for text in texts.take(pa.array(rows)).to_pylist()), np.int64, len(rows))
        first = np.zeros(len(rows), bool)
        first[np.unique(positions, return_index=True)[1]] = True
        first &= self._hashes[positions] == 0
        self._hashes[positions[first]] = hashes[first]
        same = self._hashes[positions] == hashes
        reasons[rows[~first & same]] = LEFT_OUT.index("id repeated, same narrative")
        reasons[rows[~first & ~same]] = LEFT_OUT.index("id repeated, another narrative")

    def _rows(self, numbers: np.ndarray, texts: pa.Array, positions: np.ndarray) -> pa.RecordBatch:
        labels, products = self.structured.labels[positions], self.structured.products[positions]
        days = self.structured.days[positions]
        arrays = [
            pa.array(numbers).cast(pa.string()),
            texts,
            self._label_names.take(pa.array(labels, mask=labels < 0)),
            pa.array(days, mask=days == NO_DAY).cast(pa.date32()),
            self._product_names.take(pa.array(products, mask=products < 0)),
            pa.nulls(len(positions), pa.string()),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)


def read_batches(description: Path, filters: CfpbParams, downloads: Path, report: Report) -> Iterator[pa.RecordBatch]:
    """Yield the complaints that the filters want, in RAW_SCHEMA, in the order of their narratives; fill the report.

    `row_id` is the Complaint ID and `label` the Issue that the consumer chose, null where blank. A date that cannot be
    read is null and counted; with a window of dates its complaint is left out. The structured file is held in memory
    and the narratives are streamed. Without separate narratives, the structured file is read twice.

    Args:
        description: path of the description.
        filters: the complaints to keep.
        downloads: a folder in which downloaded files are kept.
        report: content of the manifest, filled while the batches are drawn.

    Raises:
        UserError: for a description, a file, a row or a filter that is wrong, and if no complaint is left.
    """
    complaints, narratives = locate(read_description(CfpbDescription, description), downloads)
    # Every header is checked before the long reading starts.
    check_header(complaints, STRUCTURED if narratives else STRUCTURED | NARRATIVES, "" if narratives else NO_NARRATIVES)
    for file in narratives:
        check_header(file, NARRATIVES)
    structured, structured_counts = read_structured(complaints, filters)
    join = Join(structured)
    counts = np.zeros(KEPT + 1, np.int64)
    for file in narratives or [complaints]:
        before = counts.sum()
        for chunk in chunks(file, NARRATIVES):
            batch, batch_counts = join.add(chunk.columns["id"], chunk.columns["text"])
            counts += batch_counts
            yield batch
        file.entry["rows"] = int(counts.sum() - before)
    complaints.entry["rows"] = structured_counts["rows"]
    report.files += [file.entry for file in [complaints, *narratives]]
    report.left_out |= dict(zip(LEFT_OUT, counts.tolist(), strict=False))
    report.structured |= structured_counts | {"kept_without_narrative": join.without_narrative()}
    if counts[KEPT] == 0:
        reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in report.left_out.items() if rows)
        raise UserError(f"{description}: no complaint is left of {counts.sum():,} narratives ({reasons or 'no rows'})")
