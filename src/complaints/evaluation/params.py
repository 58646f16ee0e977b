"""Parameters of the stage evaluate."""

from complaints.core.config import Count, Section


class EvaluateParams(Section):
    """The scoreboard's parameters."""

    worst_pairs: Count
