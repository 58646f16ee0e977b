"""Parameters of the stage merge_labels."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from complaints.core.paths import NO_CORRECTIONS, NO_MAP
from complaints.core.section import Count, Section, Text


def _or_empty(nothing: str, path: Path) -> BeforeValidator:
    """Return the check that a path is not null: DVC takes it from params.yaml as a dependency, which cannot be null."""

    def check(value: Any) -> Any:
        if value is None:
            message = "Input should be a path; for no {nothing}, write {path}"
            raise PydanticCustomError("null_path", message, {"nothing": nothing, "path": str(path)})
        return value

    return BeforeValidator(check)


class MergeLabelsParams(Section):
    """Paths of corrections and label map, whether the map limits the classes, and the fewest complaints of a class."""

    corrections: Annotated[Text, _or_empty("corrections", NO_CORRECTIONS)]
    map: Annotated[Text, _or_empty("map", NO_MAP)]
    only_listed: bool
    min_count: Count
