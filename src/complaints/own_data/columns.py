"""Columns of a file: the facts on each, collected in one pass over all rows."""

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.errors import UserError
from complaints.own_data.form import Form
from complaints.own_data.values import Values, read_values
from complaints.sources.readers.batches import SPLIT_NAMES, parse_date
from complaints.sources.readers.lines import shown

DISTINCT_LIMIT = 2000
"""Values are counted in columns with at most this many different ones."""

COUNTED_CHARACTERS = 1000
"""Values are not counted in columns with a longer one, which would fill the memory."""

TEXT_WORDS = 4
"""A name of a column with as many words may be a text."""


@dataclass
class Column:
    """Facts on a column. A blank value counts as missing."""

    name: str
    kinds: set[str] = field(default_factory=set)
    """Kinds of its values, see `Values`."""
    filled: int = 0
    characters: int = 0
    bytes: int = 0
    spaced: int = 0
    """Values with white space between words."""
    counts: Counter[str] | None = field(default_factory=Counter)
    """Rows of each value; None for too many or too long values."""
    are_dates: bool = True
    are_splits: bool = True
    _hashes: array | None = field(default_factory=lambda: array("q"))

    @property
    def mean_length(self) -> float:
        """Return the mean number of characters of the values."""
        return self.characters / max(self.filled, 1)

    def is_unique(self) -> bool:
        """Return whether no value occurs twice."""
        return self._hashes is not None and len(np.unique(np.frombuffer(self._hashes, np.int64))) == self.filled

    def add(self, kind: str, values: pa.Array) -> None:
        """Add values of one kind, given as strings."""
        trimmed = pc.utf8_trim_whitespace(values).filter(pc.is_valid(values))
        trimmed = trimmed.filter(pc.not_equal(trimmed, ""))
        if not len(trimmed):
            return
        self.kinds.add(kind)
        self.filled += len(trimmed)
        self.characters += pc.sum(pc.utf8_length(trimmed)).as_py()
        self.bytes += pc.sum(pc.binary_length(trimmed)).as_py()
        self.spaced += pc.sum(pc.match_substring_regex(trimmed, r"\s")).as_py()
        distinct = trimmed.value_counts()
        names = distinct.field("values").to_pylist()
        if self.counts is not None:
            self.counts.update(dict(zip(names, distinct.field("counts").to_pylist(), strict=True)))
            if len(self.counts) > DISTINCT_LIMIT or max(map(len, names)) > COUNTED_CHARACTERS:
                self.counts = None
        self.are_dates = self.are_dates and (kind == "date" or all(map(parse_date, names)))
        self.are_splits = self.are_splits and all(name.lower() in SPLIT_NAMES for name in names)
        if len(names) < len(trimmed):
            self._hashes = None
        elif self._hashes is not None:
            self._hashes.extend(map(hash, names))


@dataclass
class Columns:
    """All columns of a file by name, in their order."""

    rows: int = 0
    by_name: dict[str, Column] = field(default_factory=dict)

    def add(self, rows: int, values: list[Values]) -> None:
        """Add `rows` rows."""
        self.rows += rows
        for name, kind, strings in values:
            self.by_name.setdefault(name, Column(name)).add(kind, strings)


def read_columns(path: Path, form: Form) -> Columns:
    """Return the facts on all columns of a file.

    Raises:
        UserError: as `read_values` does; also if a CSV file has a row in place of a header.
    """
    columns = Columns()
    for rows, values in read_values(path, form):
        columns.add(rows, values)
    if not columns.rows:
        raise UserError(f"{path} has no rows")
    if form.format == "csv" and (row := _values_in_header(columns)):
        raise UserError(
            f"{path}, line 1: {shown(row[0])} is also a value of its column and {shown(row[1])} is not a name, so this "
            "is a row and not a header; put a line with the names of the columns before it"
        )
    return columns


def _values_in_header(columns: Columns) -> tuple[str, str] | None:
    """Return a name that is also a value of its column, and a name that looks like a text or a number, if both occur.

    One of them alone says nothing: a column `spam` may have the value `spam`, and a question may head its answers.
    """
    repeated = [c.name for c in columns.by_name.values() if c.counts and c.name.strip() in c.counts]
    unlikely = [name for name in columns.by_name if len(name.split()) >= TEXT_WORDS or re.fullmatch(r"[\d.-]+", name)]
    pairs = [(one, other) for one in repeated for other in unlikely if one != other]
    return pairs[0] if pairs else None
