"""Generated complaints for the tests of label names and their evidence."""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from complaints.audit.label_evidence import Evidence, EvidenceCollector
from complaints.core.schema import RAW_SCHEMA

CHANGE = date(2017, 4, 24)
"""The day on which labels are renamed in these tests."""

BEFORE = (CHANGE - timedelta(400), CHANGE - timedelta(1))
AFTER = (CHANGE, CHANGE + timedelta(400))
ALWAYS = (BEFORE[0], AFTER[1])


def complaints(
    label: str, words: str, days: tuple[date, date] | None = ALWAYS, product: str | None = "card", rows: int = 20
) -> list[dict[str, Any]]:
    """Return rows in RAW_SCHEMA, spread evenly over the days; each text has most of the words, in its own order."""
    own = words.split()
    return [
        {
            "row_id": f"{label} {number}",
            "text": " ".join(own[(number + step) % len(own)] for step in range(len(own) - 1)) + f" no{number}",
            "label": label,
            "date": days and days[0] + (days[1] - days[0]) * number // max(rows - 1, 1),
            "product": product,
            "source_split": None,
        }
        for number in range(rows)
    ]


def evidence_of(*groups: list[dict[str, Any]], batch_rows: int = 50) -> Evidence:
    """Return the evidence of all rows."""
    table = pa.Table.from_pylist([row for group in groups for row in group], schema=RAW_SCHEMA)
    collector = EvidenceCollector()
    for batch in table.to_batches(max_chunksize=batch_rows):
        collector.add(batch)
    return collector.evidence()
