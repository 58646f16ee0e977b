"""Evidence of relabeling from a Parquet file of complaints whose columns have any names."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from complaints.audit.label_evidence import Evidence, EvidenceCollector
from complaints.core.errors import UserError
from complaints.core.parquet import parquet_batches


def read_batches(path: Path, columns: dict[str, str]) -> Iterator[pa.RecordBatch]:
    """Yield the complaints with the columns text, label, date and product; date and product are null if missing.

    Args:
        path: A Parquet file.
        columns: Its column for each of text, label, date and product.

    Raises:
        UserError: if the file is missing, is broken, or lacks the column of text or label.
    """
    for batch in parquet_batches(path):
        present = {name: batch[column] for name, column in columns.items() if column in batch.schema.names}
        for name in ("text", "label"):
            if name not in present:
                raise UserError(f"{path} has no column {columns[name]!r}; it has {', '.join(batch.schema.names)}")
        if "date" in present and not pa.types.is_date32(present["date"].type):
            present["date"] = pc.utf8_slice_codeunits(present["date"], 0, 10).cast(pa.date32())
        present.setdefault("date", pa.nulls(batch.num_rows, pa.date32()))
        present.setdefault("product", pa.nulls(batch.num_rows, pa.string()))
        yield pa.record_batch({**present, "text": present["text"].fill_null("")})


def collect_evidence(path: Path, columns: dict[str, str]) -> Evidence:
    """Return the evidence of all complaints of a file; arguments and errors are those of `read_batches`."""
    collector = EvidenceCollector()
    for batch in read_batches(path, columns):
        collector.add(batch)
    return collector.evidence()
