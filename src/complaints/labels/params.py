"""Parameters of the stage merge_labels."""

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from complaints.core.config import Count, Section, Text
from complaints.core.paths import NO_MAP


def _not_null(value: Any) -> Any:
    # DVC takes the path from params.yaml as a dependency, which cannot be null.
    if value is None:
        raise PydanticCustomError("no_map", "Input should be a path; for no map, write {path}", {"path": str(NO_MAP)})
    return value


class MergeLabelsParams(Section):
    """Path of the label map, whether it limits the classes, and the fewest complaints of a class."""

    map: Annotated[Text, BeforeValidator(_not_null)]
    only_listed: bool
    min_count: Count
