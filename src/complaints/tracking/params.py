"""Parameters of MLflow tracking."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackingParams:
    """Section `tracking` of params.yaml."""

    enabled: bool
    experiment: str
