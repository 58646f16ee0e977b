"""Parameters of the stage merge_labels."""

from complaints.core.config import Count, Section, Text


class MergeLabelsParams(Section):
    """Path of the label map, whether it limits the classes, and the fewest complaints of a class."""

    map: Text
    only_listed: bool
    min_count: Count
