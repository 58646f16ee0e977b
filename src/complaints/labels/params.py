"""Parameters of the stage merge_labels."""

from dataclasses import dataclass

from complaints.core.config import Count


@dataclass(frozen=True)
class MergeLabelsParams:
    """Path of the label map, whether it limits the classes, and the fewest complaints of a class."""

    map: str
    only_listed: bool
    min_count: Count
