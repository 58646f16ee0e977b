"""Arrow schemas of complaints from fetch to prediction."""

import pyarrow as pa

RAW_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("date", pa.date32()),
        pa.field("product", pa.string()),
        pa.field("source_split", pa.string()),
    ]
)
"""One row per complaint of the source; `row_id` is unique, `text` may be blank, `label` may be missing."""

LABELED_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label_id", pa.int32(), nullable=False),
        pa.field("date", pa.date32()),
        pa.field("product", pa.string()),
        pa.field("source_split", pa.string()),
    ]
)
"""One row per usable complaint; `label_id` is an index into data/interim/labels.json."""

SPLIT_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label_id", pa.int32(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("seen", pa.bool_(), nullable=False),
        pa.field("date", pa.date32()),
        pa.field("product", pa.string()),
    ]
)
"""One row per complaint of a split; rows with the same `group` are near duplicates.

`seen` is true for a held-out row whose group has rows in train, and false for every training row.
"""

TOKENS_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("input_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("label_id", pa.int32(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
    ]
)
"""One row per complaint of a split, as token ids without padding; `group` as in SPLIT_SCHEMA."""

UNLABELED_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""One row per text without a label; none is a near duplicate of another or of a complaint of a split."""

SPLITS = ("train", "validation", "test")
HELD_OUT = ("validation", "test")
