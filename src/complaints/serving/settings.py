"""Settings of a server: what it listens on, whom it answers, and the limits of a request."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from complaints.predicting.choice import ModelArgument

TOKEN_VARIABLE = "COMPLAINTS_TOKEN"
"""Environment variable with the bearer token; without it, requests need none, and POST /reload is refused."""


@dataclass(frozen=True)
class Limits:
    """Limits of a request."""

    texts: int = 1000
    body_bytes: int = 2**20
    file_bytes: int = 2**25
    seconds: float = 30.0
    """Time for the body to arrive, and again for the answer."""


@dataclass(frozen=True)
class Settings:
    """Settings of a server, from the command line and the environment."""

    model: ModelArgument | None = None
    """None: the first entry of `models:` with its decision rule."""
    precision: str = "auto"
    abstain_below: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    queue_texts: int = 2048
    limits: Limits = Limits()
    log: Path | None = None
    token: str | None = None

    @property
    def is_local(self) -> bool:
        """Return whether the address is of this machine alone."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
