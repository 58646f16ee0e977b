"""Small complaints with known duplicates, for tests of the stage split."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.core.parquet import write_parquet
from complaints.core.schema import LABELED_SCHEMA
from complaints.splits.methods import LabeledRows, read_rows
from complaints.splits.params import SplitParams

VOCABULARY = [f"word{i}" for i in range(400)]

Complaint = tuple[int, int, int]
"""Template, variant and label id."""


def params(method: str = "grouped", test: float = 0.25, validation: float = 0.1, seed: int = 13) -> SplitParams:
    return SplitParams.model_validate(
        {
            "method": method,
            "test_fraction": test,
            "validation_fraction": validation,
            "seed": seed,
            "expected": None,
        }
    )


def text_of(template: int, variant: int) -> str:
    """Return a text of 40 words; variants of a template differ in one word, so they are near duplicates."""
    words = np.random.default_rng(template).choice(VOCABULARY, 40).tolist()
    words[5 + variant % 30] = f"variant{variant}" if variant else words[5]
    return " ".join(words)


def table_of(
    complaints: list[Complaint], first: int = 0, day: int = 17_000, source: Sequence[str | None] | None = None
) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "row_id": str(first + i),
                "text": text_of(template, variant),
                "label_id": label,
                "date": day + i // 7,
                "source_split": source[i] if source else None,
            }
            for i, (template, variant, label) in enumerate(complaints)
        ],
        schema=LABELED_SCHEMA.set(3, pa.field("date", pa.int32())),
    ).cast(LABELED_SCHEMA)


def read(folder: Path, table: pa.Table) -> LabeledRows:
    write_parquet(folder / "labeled.parquet", LABELED_SCHEMA, [table])
    return read_rows(folder / "labeled.parquet")
