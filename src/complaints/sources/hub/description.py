"""What data/sources/*.yaml says of a data set on the hub, checked."""

import re
from dataclasses import dataclass
from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.core.typed import build, read_yaml
from complaints.sources.readers.lines import check_file


@dataclass(frozen=True)
class HubColumns:
    """Which column of the data set holds what; None where it has no such column."""

    text: str
    label: str
    id: str | None
    date: str | None
    product: str | None


@dataclass(frozen=True)
class IndexFile:
    """A JSON list of row numbers: an address or a local path, and the sha256 of what must lie there."""

    location: str
    sha256: str


@dataclass(frozen=True)
class Indices:
    """Which rows of the hub's train split are train and which are validation."""

    train: IndexFile
    validation: IndexFile


@dataclass(frozen=True)
class HubDescription:
    """A data set at one commit; data/sources/canonical.yaml says what each key means."""

    dataset: str
    revision: str
    files: dict[str, str]
    sha256: dict[str, str] | None
    columns: HubColumns
    indices: Indices | None

    def __str__(self) -> str:
        return f"{self.dataset}@{self.revision[:12]}"


def describe(path: Path) -> HubDescription:
    """Read and check a description.

    Raises:
        UserError: naming the file and the key, for a key that is unknown, missing or of the wrong type, a revision that
            is no commit, a digest that is no sha256, a split that there is not, and index files without a train split
            to divide.
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
            raise UserError(f"{path}: files.{split} is no split; there are {', '.join(SPLITS)}")
    return description
