"""Descriptions of sources: YAML files that are read into models."""

import re
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from complaints.core.config import check, read_yaml
from complaints.core.section import Section
from complaints.sources.readers.lines import check_file

D = TypeVar("D", bound=Section)


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise PydanticCustomError("sha256", "Input should be 64 hexadecimal digits in lower case")
    return value


Sha256 = Annotated[str, AfterValidator(_sha256)]


def read_description(kind: type[D], path: Path) -> D:
    """Read a description into its model.

    Raises:
        UserError: if the file cannot be read, or as `config.check` does.
    """
    check_file(path)
    return check(kind, read_yaml(path), path)
