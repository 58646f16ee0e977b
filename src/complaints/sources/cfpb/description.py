"""Description of the CFPB's files: a YAML file such as data/sources/cfpb.yaml, checked."""

from dataclasses import dataclass
from pathlib import Path

from complaints.core.typed import Count, build, read_yaml


@dataclass(frozen=True)
class Pin:
    """Required length and digest of a file."""

    bytes: Count
    sha256: str


@dataclass(frozen=True)
class Description:
    """Locations of the files; a location is an http(s) address, or a path from the root of the project."""

    complaints: str
    """The structured file, zipped or not."""
    narratives: str | None
    """The archive's page, a folder of its files, or one file; None if `complaints` has the narratives itself."""
    pinned: dict[str, Pin] | None
    """Pins by file name."""


def read_description(path: Path) -> Description:
    """Read and check a description.

    Raises:
        UserError: naming the file and the key that is unknown, missing or of the wrong type.
    """
    description: Description = build(Description, read_yaml(path), "", where=str(path))
    return description
