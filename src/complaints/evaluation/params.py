"""Parameters of the stage evaluate."""

from complaints.core.config import Count, Section


class EvaluateParams(Section):
    """The scoreboard's parameters."""

    resamples: Count
    worst_pairs: Count
