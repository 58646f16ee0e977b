"""Fetch the canonical data set from the hub, at a pinned commit, into data/canonical.parquet.

`python profiles/canonical_data.py`, then `make repro PROFILE=canonical`. The file has the columns Issue, Consumer
Complaint and split (train or test, as the hub has it); 64,292 and 21,439 rows.
"""

from pathlib import Path

import pyarrow as pa
from datasets import concatenate_datasets, load_dataset

from complaints.files import write_parquet

DATASET = "determined-ai/consumer_complaints_medium"
COMMIT = "4783de6e089f8ef1dccb26e9f46d491ec0273c83"
SCHEMA = pa.schema([(name, pa.string()) for name in ("Issue", "Consumer Complaint", "split")])


def main(target: Path = Path("data/canonical.parquet")) -> None:
    """Download both splits and write them as one file."""
    splits = load_dataset(DATASET, revision=COMMIT)
    parts = [splits[name].add_column("split", [name] * len(splits[name])) for name in ("train", "test")]
    table = concatenate_datasets(parts).select_columns(SCHEMA.names).with_format("arrow")[:]
    print(f"{write_parquet(target, SCHEMA, [table]):,} rows in {target}")


if __name__ == "__main__":
    main()
