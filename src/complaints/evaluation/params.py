"""Parameters of the stage evaluate."""

from complaints.core.section import Count, Section


class EvaluateParams(Section):
    """The scoreboard's parameters."""

    resamples: Count
    worst_pairs: Count
