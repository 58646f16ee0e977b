"""Differences that verification reports."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """A difference between dvc.lock and dvc.yaml, the workspace or what is installed."""

    stage: str
    path: str
    """A file or folder, a parameter, or the part of dvc.yaml that differs."""
    kind: Literal[
        "declaration",
        "changed",
        "missing",
        "parameter",
        "link",
        "manifest",
        "checkpoint",
        "backbone",
        "import",
        "record",
        "rows",
        "symlink",
        "object",
        "remote",
        "prediction",
        "withdrawn",
        "signature",
        "size",
        "ignored",
    ]
    message: str
