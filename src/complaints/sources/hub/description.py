"""Description of a data set on the hub: a YAML file such as data/sources/canonical.yaml, checked."""

import re
from dataclasses import dataclass
from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.core.typed import build, read_yaml
from complaints.sources.readers.lines import check_file


@dataclass(frozen=True)
class HubColumns:
    """Column of the data set for each role; None where it has no such column."""

    text: str
    label: str
    id: str | None
    date: str | None
    product: str | None


@dataclass(frozen=True)
class IndexFile:
    """A JSON list of row numbers: its address or local path, and its sha256."""

    location: str
    sha256: str


@dataclass(frozen=True)
class Indices:
    """Index files that divide the hub's train split into train and validation rows."""

    train: IndexFile
    validation: IndexFile


@dataclass(frozen=True)
class HubDescription:
    """A data set at one commit; data/sources/canonical.yaml documents each key."""

    dataset: str
    revision: str
    files: dict[str, str]
    sha256: dict[str, str] | None
    columns: HubColumns
    indices: Indices | None

    def __str__(self) -> str:
        return f"{self.dataset}@{self.revision[:12]}"

    @property
    def origin(self) -> dict[str, str]:
        """Return the entries that identify the data set in the manifest."""
        return {"dataset": self.dataset, "revision": self.revision}


def read_description(path: Path) -> HubDescription:
    """Read and check a description.

    Raises:
        UserError: naming the file and the key, for a key that is unknown, missing or of the wrong type, a revision that
            is not a commit, a digest that is not a sha256, an unknown split, and index files without a train split to
            divide.
    """
    check_file(path)
    description: HubDescription = build(HubDescription, read_yaml(path), "", str(path))
    if not re.fullmatch(r"[0-9a-f]{40}", description.revision):
        raise UserError(
            f"{path}: revision is {description.revision!r}; it must be a commit of 40 hexadecimal digits, not a branch "
            "or tag: a branch moves, and the data with it"
        )
    digests = {f"sha256.{name}": digest for name, digest in (description.sha256 or {}).items()}
    if indices := description.indices:
        digests |= {
            "indices.train.sha256": indices.train.sha256,
            "indices.validation.sha256": indices.validation.sha256,
        }
        if "train" not in description.files or "validation" in description.files:
            raise UserError(
                f"{path}: indices divide the hub's train split into train and validation, so files must name train and "
                f"not validation; it names {', '.join(description.files)}"
            )
    for key, digest in digests.items():
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise UserError(f"{path}: {key} is {digest!r}; it must be 64 hexadecimal digits in lower case")
    for split in description.files:
        if split not in SPLITS:
            raise UserError(f"{path}: files.{split} is not a split; there are {', '.join(SPLITS)}")
    return description
