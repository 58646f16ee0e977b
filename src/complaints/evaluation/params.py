"""Parameters of the stage evaluate."""

from complaints.core.config import Count, Listed, NotNegative, Section


class EvaluateParams(Section):
    """The scoreboard's parameters."""

    resamples: Count
    adjustment_grid: Listed[NotNegative]
    worst_pairs: Count
