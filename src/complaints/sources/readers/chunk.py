"""A chunk of rows as a reader yields it, and the checks of its columns."""

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
"""A batch ends at whichever of the two it reaches first, so that memory is bounded for long texts too."""

COMPARED_NAMES = 1000

SHOWN_NAMES = 20


@dataclass(frozen=True)
class Chunk:
    """Some rows as the file has them: an array for each role that a column plays, and where each row begins."""

    columns: dict[str, pa.Array]
    numbers: Sequence[int]


def check_columns(path: Path, there: Sequence[str], wanted: dict[str, str]) -> None:
    """Raise UserError when a column of `wanted` (role -> name) is not there, or when a name stands twice."""
    if twice := [name for name, count in Counter(there).items() if count > 1]:
        raise UserError(f"{path}: more than one column is called {shown(twice[0])}; rename all but one")
    folded = {name.casefold().strip(): name for name in there[:COMPARED_NAMES]}
    for role, name in wanted.items():
        if name in there:
            continue
        close = difflib.get_close_matches(name.casefold().strip(), folded, n=1)
        guess = f"did you mean {shown(folded[close[0]])}? " if close else ""
        names = ", ".join(shown(other) for other in there[:SHOWN_NAMES])
        names += f", and {len(there) - SHOWN_NAMES} more" if len(there) > SHOWN_NAMES else ""
        hint = ""
        if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
            hint = "; is something else than a comma between its columns?"
        raise UserError(f"{path} has no column {shown(name)} (fetch.file.columns.{role}); {guess}It has: {names}{hint}")


def to_chunk(path: Path, roles: Iterable[str], rows: list[Any], numbers: list[int]) -> Chunk:
    """Turn rows (one tuple of str or None per row, in the order of `roles`) into arrays of strings.

    Raises:
        UserError: for a text with half of a surrogate pair, which no encoding can hold; it names the line.
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
