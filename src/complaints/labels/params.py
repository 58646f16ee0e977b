"""Parameters of the stage merge_labels."""

from dataclasses import dataclass

from complaints.core.config import Count


@dataclass(frozen=True)
class MergeLabelsParams:
    """How raw labels become classes."""

    map: str
    only_listed: bool
    min_count: Count
