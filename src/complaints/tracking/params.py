"""Parameters of MLflow tracking and of OpenLineage events."""

from complaints.core.section import Section, Text


class TrackingParams(Section):
    """Whether runs are logged, to which experiment, with which files, and where their events go."""

    enabled: bool
    experiment: Text
    copy_weights: bool = False
    openlineage: Text | None = None
