"""Parameters of the stage merge_labels."""

from complaints.core.config import Count, Section, Text


class MergeLabelsParams(Section):
    """The label map, and the classes that are kept."""

    map: Text
    only_listed: bool
    min_count: Count
