"""Rows of a JSON-lines file, read as a stream."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from complaints.core.errors import UserError
from complaints.sources.readers.chunk import (
    BATCH_CHARACTERS,
    BATCH_ROWS,
    BOOLEAN_ROLES,
    INTEGER_ROLES,
    KEPT,
    Chunk,
    check_columns,
    to_chunk,
    types_of,
)
from complaints.sources.readers.lines import shown, text_lines


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    return value


def _kept_text(value: Any) -> str | None:
    """Return a value as JSON; JSON has no NaN and no infinity, which become null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value), parse_constant=lambda _: None)
        return None if finite is None else json.dumps(finite, ensure_ascii=False)


def _json_value(path: Path, number: int, role: str, value: Any) -> str | None:
    if value is not None and role.startswith(KEPT):
        return _kept_text(value)
    if value is None or type(value) is str:
        return value
    if (type(value) is int and role in INTEGER_ROLES) or (type(value) is bool and role in BOOLEAN_ROLES):
        return json.dumps(value)
    raise UserError(f"{path}, line {number}: the {role} is {shown(value)}, not a {types_of(role)}")


def json_objects(path: Path, encoding: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield line number, number of characters and object of each line that is not blank.

    Raises:
        UserError: as `text_lines` does, and for a line that is not a JSON object or has a key twice.
    """
    decode = json.JSONDecoder(object_pairs_hook=_unique_keys).decode
    for number, line in enumerate(text_lines(path, encoding), start=1):
        if line.isspace():
            continue
        try:
            value = decode(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: not JSON ({shown(str(error))})") from None
        if not isinstance(value, dict):
            raise UserError(f"{path}, line {number}: {shown(value)} is not a JSON object; every line must be one")
        yield number, len(line), value


def _check_keys(path: Path, encoding: str, columns: dict[str, str]) -> None:
    """Raise UserError unless each column is a key of some object; reads on only as long as one has not occurred."""
    found: dict[str, None] = {}
    for _, _, value in json_objects(path, encoding):
        if not found:
            found = dict.fromkeys(value)
        found |= {name: None for name in columns.values() if name in value}
        if all(name in found for name in columns.values()):
            return
    if found:
        check_columns(path, list(found), columns)


def jsonl_chunks(path: Path, encoding: str, columns: dict[str, str]) -> Iterator[Chunk]:
    """Yield the rows of a JSON-lines file; a key may be missing from some objects, but not from all of them."""
    _check_keys(path, encoding, columns)
    rows: list[tuple[str | None, ...]] = []
    numbers: list[int] = []
    characters = 0
    for number, length, value in json_objects(path, encoding):
        rows.append(tuple(_json_value(path, number, role, value.get(name)) for role, name in columns.items()))
        numbers.append(number)
        characters += length
        if len(rows) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield to_chunk(path, columns, rows, numbers)
            rows, numbers, characters = [], [], 0
    if rows:
        yield to_chunk(path, columns, rows, numbers)
