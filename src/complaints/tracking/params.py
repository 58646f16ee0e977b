"""Parameters of MLflow tracking."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackingParams:
    """Where runs are logged."""

    enabled: bool
    experiment: str
