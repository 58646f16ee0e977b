"""Parameters of MLflow tracking."""

from complaints.core.section import Section, Text


class TrackingParams(Section):
    """Whether runs are logged, and to which experiment."""

    enabled: bool
    experiment: Text
