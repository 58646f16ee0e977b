"""Turn raw labels into classes: join old and new wordings, drop what cannot be learned from.

Reads data/raw/complaints.parquet and the label map.
Writes data/interim/labeled.parquet, data/interim/labels.json (the class names; a name's place is its id),
data/interim/hierarchy.json (each class's products) and reports/labels.json (what was merged and dropped, with counts).
"""

from complaints.core import config, stage
from complaints.core.files import parquet_batches, write_json, write_parquet
from complaints.core.schema import LABELED_SCHEMA
from complaints.labels import merge
from complaints.labels.label_map import load_map
from complaints.labels.params import MergeLabelsParams
from complaints.labels.products import hierarchy

RAW = "data/raw/complaints.parquet"


def main() -> None:
    """Count, decide, write."""
    p = config.load("merge_labels", MergeLabelsParams)
    label_map = load_map(p.map)
    counts = merge.count(parquet_batches(RAW, ["text", "label", "product"]))
    classes = merge.choose(counts, label_map, p.min_count, p.only_listed)
    write_parquet("data/interim/labeled.parquet", LABELED_SCHEMA, merge.labeled(parquet_batches(RAW), classes.ids))
    write_json("data/interim/labels.json", classes.names)
    write_json("data/interim/hierarchy.json", hierarchy(classes.names, classes.products, label_map.products))
    write_json("reports/labels.json", classes.report)


if __name__ == "__main__":
    stage.run(main)
