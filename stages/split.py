"""Divide the complaints into train, validation and test; copies of one text stay together.

Reads data/interim/labeled.parquet and data/interim/labels.json.
Writes data/splits/{train,validation,test}.parquet and reports/split.json (sizes, copies, leakage, missing classes).
"""

import sys

from complaints import params, splits, stage
from complaints.files import read_json, read_parquet, replacing_folder, write_json, write_parquet
from complaints.schema import SPLIT_SCHEMA


def main() -> None:
    """Read, divide, write."""
    labeled = read_parquet("data/interim/labeled.parquet")
    divided = splits.divide(labeled, read_json("data/interim/labels.json"), params.load("split"))
    with replacing_folder("data/splits") as folder:
        for name, table in divided.tables.items():
            write_parquet(folder / f"{name}.parquet", SPLIT_SCHEMA, [table])
    write_json("reports/split.json", divided.report)
    if line := splits.warning(divided.report):
        print(f"warning: split: {line}", file=sys.stderr)


if __name__ == "__main__":
    stage.run(main)
