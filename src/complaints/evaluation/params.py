"""Parameters of the stage evaluate."""

from dataclasses import dataclass

from complaints.core.config import Count, NotNegative


@dataclass(frozen=True)
class EvaluateParams:
    """Parameters that turn predictions into the scoreboard."""

    adjustment_grid: tuple[NotNegative, ...]
    worst_pairs: Count
