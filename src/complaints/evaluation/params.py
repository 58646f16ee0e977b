"""Parameters of the stage evaluate."""

from complaints.core.config import Count, Listed, NotNegative, Section


class EvaluateParams(Section):
    """How predictions become the scoreboard."""

    adjustment_grid: Listed[NotNegative]
    worst_pairs: Count
