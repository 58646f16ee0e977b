"""Map raw labels to classes: correct reviewed ones, merge old and new wordings, drop classes too small to learn.

Reads data/raw/complaints.parquet, the corrections and the label map.
Writes data/interim/labeled.parquet, data/interim/labels.json (class names; a name's index is its id),
data/interim/hierarchy.json (each class's products) and reports/labels.json (corrections, merges and drops, with
counts).
"""

from complaints.core import config, paths, stage
from complaints.core.files import write_json
from complaints.core.parquet import parquet_batches, write_parquet
from complaints.core.schema import LABELED_SCHEMA
from complaints.labels import merge
from complaints.labels.corrections import check_corrections, load_corrections
from complaints.labels.label_map import load_map
from complaints.labels.params import MergeLabelsParams
from complaints.labels.products import hierarchy


def main() -> None:
    """Run the stage: one pass checks corrections, one counts labels, one writes the labeled complaints."""
    p = config.load("merge_labels", MergeLabelsParams)
    label_map = load_map(p.map)
    corrections = load_corrections(p.corrections)
    report = check_corrections(corrections, parquet_batches(paths.COMPLAINTS, ["row_id", "label"]), label_map)
    columns = ["row_id", "text", "label", "product"]
    counts = merge.count(corrections.apply(parquet_batches(paths.COMPLAINTS, columns)))
    classes = merge.choose(counts, label_map, p.min_count, p.only_listed)
    complaints = corrections.apply(parquet_batches(paths.COMPLAINTS))
    write_parquet(paths.LABELED, LABELED_SCHEMA, merge.labeled(complaints, classes.ids))
    write_json(paths.LABELS, classes.names)
    write_json(paths.HIERARCHY, hierarchy(classes.names, classes.products, label_map.products))
    write_json(paths.LABELS_REPORT, classes.report | report)


if __name__ == "__main__":
    stage.run(main)
