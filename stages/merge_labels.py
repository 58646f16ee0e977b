"""Turn raw labels into classes: join old and new wordings, drop what cannot be learned from.

Reads data/raw/complaints.parquet and the label map.
Writes data/interim/labeled.parquet, data/interim/labels.json (the class names; a name's place is its id) and
reports/labels.json (what was merged and dropped, with counts).
"""

from complaints import labels, params, stage
from complaints.files import read_parquet, write_json, write_parquet
from complaints.schema import LABELED_SCHEMA


def main() -> None:
    """Read, merge, write."""
    p = params.load("merge_labels")
    label_map = labels.load_map(p.map)
    merged = labels.merge(read_parquet("data/raw/complaints.parquet"), label_map, p.min_count)
    write_parquet("data/interim/labeled.parquet", LABELED_SCHEMA, [merged.table])
    write_json("data/interim/labels.json", merged.names)
    write_json("reports/labels.json", merged.report)


if __name__ == "__main__":
    stage.run(main)
