"""Chunks of rows that the readers yield, and the checks of their columns."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from complaints.core.errors import UserError
from complaints.sources.readers.lines import shown

BATCH_ROWS = 10_000

BATCH_CHARACTERS = 16 * 2**20
"""A batch ends at whichever of the two limits it reaches first, so memory is bounded for long texts too."""

KEPT = "kept."
"""Beginning of the role of a column that is passed on unchanged, whatever it holds; its name follows. CSV files give
strings, Parquet files their own types, JSON lines JSON texts."""

INTEGER_ROLES = frozenset({"id", "label", "product"})
BOOLEAN_ROLES = frozenset({"label", "product"})
"""Roles whose values may be integers or booleans in typed formats; a boolean becomes `true` or `false`."""

COMPARED_NAMES = 1000

SHOWN_NAMES = 20


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a file: an array per column role, and the line or row number of each row."""

    columns: dict[str, pa.Array]
    numbers: Sequence[int]


def types_of(role: str, plural: str = "") -> str:
    """Return the types of values that a role may have, for a message: "string, integer or boolean"."""
    types = ["string"] + ["integer"] * (role in INTEGER_ROLES) + ["boolean"] * (role in BOOLEAN_ROLES)
    *others, last = (name + plural for name in types)
    return f"{', '.join(others)} or {last}" if others else last


def check_columns(path: Path, header: Sequence[str], wanted: dict[str, str], hint: str = "") -> None:
    """Raise UserError if `header` lacks a column of `wanted` (role -> name), or if a name occurs twice in it.

    `hint` is the end of the message for a column that is missing.
    """
    # Columns without a name cannot be read; spreadsheets write several at the end.
    if repeated := [name for name, count in Counter(header).items() if count > 1 and name.strip()]:
        raise UserError(f"{path}: more than one column is called {shown(repeated[0])}; rename all but one")
    folded = {name.casefold().strip(): name for name in header[:COMPARED_NAMES]}
    for role, name in wanted.items():
        if name in header:
            continue
        close = difflib.get_close_matches(name.casefold().strip(), folded, n=1)
        guess = f"did you mean {shown(folded[close[0]])}? " if close else ""
        names = ", ".join(shown(other) for other in header[:SHOWN_NAMES])
        names += f", and {len(header) - SHOWN_NAMES} more" if len(header) > SHOWN_NAMES else ""
        raise UserError(f"{path} has no column {shown(name)} (fetch.file.columns.{role}); {guess}It has: {names}{hint}")


def to_chunk(path: Path, roles: Iterable[str], rows: list[Any], numbers: list[int]) -> Chunk:
    """Convert rows (one tuple of str or None per row, in the order of `roles`) to arrays of strings.

    Raises:
        UserError: naming the line of a text with half of a surrogate pair, which no encoding can represent.
    """
    try:
        columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    except UnicodeEncodeError:
        for number, row in zip(numbers, rows, strict=True):
            for role, value in zip(roles, row, strict=True):
                if value is not None and any("\ud800" <= character <= "\udfff" for character in value):
                    raise UserError(f"{path}, line {number}: half of a surrogate pair in the {role}") from None
        raise
    return Chunk(dict(zip(roles, columns, strict=True)), numbers)
