"""Complaints for audits in tests, and the audit of them."""

import datetime
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from complaints.audit import measure as audit_measure
from complaints.audit.params import AuditParams
from complaints.core.config import changed
from complaints.core.parquet import write_parquet
from complaints.core.schema import RAW_SCHEMA

PARAMS = AuditParams(
    short_words=3, listed_labels=20, tokenizer="tiny", max_lengths=(4, 8), token_sample=1000, rename_candidates=60
)
MANIFEST = {"source": "file", "synthetic": False}


@cache
def word_tokenizer() -> Tokenizer:
    """Return a tokenizer with one token per word and a special token at each end of a text."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
    return tokenizer


def complaint(
    text: str, label: str | None = "Fees", date: str | None = None, split: str | None = None
) -> dict[str, Any]:
    """Return one complaint without its row id; `date` is in ISO 8601."""
    day = date and datetime.date.fromisoformat(date)
    return {"text": text, "label": label, "date": day, "source_split": split}


def measure(folder: Path, complaints: Iterable[dict[str, Any]], **params: Any) -> audit_measure.Audit:
    """Return the audit of complaints whose row ids are their positions; `params` replace fields of PARAMS."""
    rows = [{"row_id": str(i), **row} for i, row in enumerate(complaints)]
    path = folder / "complaints.parquet"
    write_parquet(path, RAW_SCHEMA, [pa.Table.from_pylist(rows, schema=RAW_SCHEMA)])
    return audit_measure.measure(path, changed(PARAMS, params), word_tokenizer())
