"""Description of a data set on the hub: the model of a YAML file such as data/sources/canonical.yaml."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from complaints.core.schema import SPLITS
from complaints.core.section import Section, Text, rule
from complaints.sources.description import Sha256


def _commit(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", value):
        message = "Input should be a commit of 40 hexadecimal digits, not a branch or tag, whose data can change"
        raise PydanticCustomError("commit", message)
    return value


class HubColumns(Section):
    """Column of the data set for each role; None where it has no such column."""

    text: Text
    label: Text
    id: Text | None
    date: Text | None
    product: Text | None


class SplitFiles(Section):
    """Pattern of the Parquet files of each split; None where the data set has no such split."""

    train: Text | None = None
    validation: Text | None = None
    test: Text | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.patterns:
            raise PydanticCustomError("splits", "Input should name the files of at least one split")
        return self

    @property
    def patterns(self) -> dict[str, str]:
        """Return {split: pattern} in the order of SPLITS."""
        return {split: pattern for split in SPLITS if (pattern := getattr(self, split)) is not None}


class IndexFile(Section):
    """A JSON list of row numbers: its address or local path, and its sha256."""

    location: Text
    sha256: Sha256


class Indices(Section):
    """Index files that divide the hub's train split into train and validation rows."""

    train: IndexFile
    validation: IndexFile


class HubDescription(Section):
    """A data set at one commit; data/sources/canonical.yaml documents each key."""

    dataset: Text
    revision: Annotated[str, AfterValidator(_commit)]
    files: SplitFiles
    sha256: Annotated[dict[Text, Sha256], Field(min_length=1)] | None
    columns: HubColumns
    indices: Indices | None

    def __str__(self) -> str:
        return f"{self.dataset}@{self.revision[:12]}"

    @property
    def origin(self) -> dict[str, str]:
        """Return the entries that identify the data set in the manifest."""
        return {"dataset": self.dataset, "revision": self.revision}

    @model_validator(mode="after")
    def _indices_have_a_split_to_divide(self) -> Self:
        if self.indices and (self.files.train is None or self.files.validation is not None):
            raise rule(
                "files",
                f"names {', '.join(self.files.patterns)}, but indices divide the hub's train split into train and "
                "validation; name train and not validation, or set indices to null",
            )
        return self
