"""Stage merge_labels: classes from raw labels, by a label map."""
