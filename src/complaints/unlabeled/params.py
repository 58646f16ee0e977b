"""Parameters of the stage unlabeled."""

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from complaints.core.paths import NO_UNLABELED
from complaints.core.section import Section, Text


def _not_null(value: Any) -> Any:
    """Refuse null: DVC takes the path from params.yaml as a dependency, which cannot be null."""
    if value is None:
        message = "Input should be a path; for no texts without labels, write {path}"
        raise PydanticCustomError("null_path", message, {"path": str(NO_UNLABELED)})
    return value


class UnlabeledParams(Section):
    """File of texts without labels; an empty file has none."""

    path: Annotated[Text, BeforeValidator(_not_null)]
