"""Map raw labels to classes: merge old and new wordings, drop classes too small to learn.

Reads data/raw/complaints.parquet and the label map.
Writes data/interim/labeled.parquet, data/interim/labels.json (class names; a name's index is its id),
data/interim/hierarchy.json (each class's products) and reports/labels.json (merges and drops, with counts).
"""

from complaints.core import config, paths, stage
from complaints.core.files import write_json
from complaints.core.parquet import parquet_batches, write_parquet
from complaints.core.schema import LABELED_SCHEMA
from complaints.labels import merge
from complaints.labels.label_map import load_map
from complaints.labels.params import MergeLabelsParams
from complaints.labels.products import hierarchy


def main() -> None:
    """Run the stage: one pass counts labels, a second writes the labeled complaints."""
    p = config.load("merge_labels", MergeLabelsParams)
    label_map = load_map(p.map)
    counts = merge.count(parquet_batches(paths.COMPLAINTS, ["text", "label", "product"]))
    classes = merge.choose(counts, label_map, p.min_count, p.only_listed)
    write_parquet(paths.LABELED, LABELED_SCHEMA, merge.labeled(parquet_batches(paths.COMPLAINTS), classes.ids))
    write_json(paths.LABELS, classes.names)
    write_json(paths.HIERARCHY, hierarchy(classes.names, classes.products, label_map.products))
    write_json(paths.LABELS_REPORT, classes.report)


if __name__ == "__main__":
    stage.run(main)
