"""Parameters of MLflow tracking."""

from complaints.core.config import Section, Text


class TrackingParams(Section):
    """Whether runs are logged, and to which experiment."""

    enabled: bool
    experiment: Text
