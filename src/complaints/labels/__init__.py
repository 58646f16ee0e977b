"""Stage merge_labels: raw labels turned into classes by a label map."""
