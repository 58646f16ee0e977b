"""Stage unlabeled: texts without labels for students, none of them near a text of the splits."""
