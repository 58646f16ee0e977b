"""Description of the CFPB's files: the model of a YAML file such as data/sources/cfpb.yaml."""

from typing import Annotated

from pydantic import Field

from complaints.core.section import Count, Section, Text
from complaints.sources.description import Sha256


class Pin(Section):
    """Required length and digest of a file."""

    bytes: Count
    sha256: Sha256


class CfpbDescription(Section):
    """Locations of the files; a location is an http(s) address, or a path from the root of the project."""

    complaints: Text
    """The structured file, zipped or not."""
    narratives: Text | None
    """The archive's page, a folder of its files, or one file; None if `complaints` has the narratives itself."""
    pinned: Annotated[dict[Text, Pin], Field(min_length=1)] | None
    """Pins by file name."""
