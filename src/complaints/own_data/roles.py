"""Roles of columns: text, label, id, date, product and split, proposed from the facts on each column."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from complaints.core.errors import UserError
from complaints.own_data.columns import Column, Columns
from complaints.own_data.values import OTHER
from complaints.sources.readers.batches import SPLIT_NAMES
from complaints.sources.readers.chunk import check_columns
from complaints.sources.readers.lines import shown

ROLES = ("text", "label", "id", "date", "product", "split")
OPTIONAL = ROLES[2:]

LABEL_NAMES = frozenset(
    {"label", "labels", "class", "category", "target", "topic", "intent", "sentiment", "issue", "y"}
)
LABEL_KINDS = frozenset({"string", "integer", "boolean"})
TEXT_NAMES = frozenset(
    {"text", "texts", "body", "content", "message", "review", "comment", "narrative", "sentence", "complaint_text"}
)
ID_NAME = re.compile(r"(^|[\W_])(id|uid|uuid|guid|key|nr|no|number|index)$|[a-z]I[dD]$|^#$", re.IGNORECASE)

ALIKE = 0.5
"""Columns whose mean length is at least this share of the longest one's are as likely to be the text."""

FEW_ROWS = 100
"""A column of a smaller file may be without repeated values by chance."""

LISTED = 8


@dataclass
class Roles:
    """The column of each role, the reason for each, and what is left to the user."""

    columns: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(ROLES))
    reasons: dict[str, str] = field(default_factory=dict)
    undecided: list[str] = field(default_factory=list)

    def take(self, role: str, name: str, reason: str) -> None:
        """Give a role to a column."""
        self.columns[role], self.reasons[role] = name, reason


def propose(path: Path, columns: Columns, chosen: Mapping[str, str], without: Iterable[str]) -> Roles:
    """Return the roles of a file's columns.

    Args:
        path: The file, for messages.
        columns: The facts on its columns.
        chosen: Role -> column that the user named.
        without: Roles that no column has.

    Raises:
        UserError: if a named column is missing or named twice, or if text or label cannot be told; the message names
            the options.
    """
    if len(columns.by_name) == 1:
        raise UserError(f"{path} has one column; a file needs one for the texts and one for the labels")
    check_columns(path, list(columns.by_name), dict(chosen))
    roles = Roles()
    for role, name in chosen.items():
        if name in roles.columns.values():
            raise UserError(f"{path}: {shown(name)} is named for two roles; name another column with --{role}")
        roles.take(role, name, "named by you")
    left = {role: roles.columns[role] is None and role not in set(without) for role in ROLES}
    if left["text"]:
        _propose_text(path, columns, roles)
    if left["split"]:
        _propose_split(columns, roles)
    if left["date"]:
        _propose_date(columns, roles)
    if left["label"]:
        _propose_label(path, columns, roles)
    if left["id"]:
        _propose_id(columns, roles)
    if left["product"]:
        _propose_product(columns, roles)
    return roles


def _free(columns: Columns, roles: Roles) -> list[Column]:
    """Return the columns without a role that have a value."""
    taken = set(roles.columns.values())
    return [column for column in columns.by_name.values() if column.filled and column.name not in taken]


def _names(columns: Iterable[Column]) -> str:
    names = [shown(column.name) for column in columns]
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def _named(columns: Iterable[Column], names: frozenset[str]) -> list[Column]:
    return [column for column in columns if column.name.strip().lower() in names]


def _propose_text(path: Path, columns: Columns, roles: Roles) -> None:
    strings = [c for c in _free(columns, roles) if c.kinds == {"string"} and not c.are_dates and not c.are_splits]
    # URLs and codes have no spaces; scripts without spaces have several bytes per character.
    prose = [c for c in strings if 2 * c.spaced >= c.filled or 2 * c.bytes > 3 * c.characters] or strings
    prose = [c for c in prose if c.counts is None or 2 * len(c.counts) >= c.filled] or prose
    if not prose:
        raise UserError(f"{path}: no column has texts; its columns are {_names(columns.by_name.values())}")
    prose.sort(key=lambda column: -column.mean_length)
    alike = [column for column in prose if column.mean_length >= ALIKE * prose[0].mean_length]
    best = alike if len(alike) == 1 else _named(alike, TEXT_NAMES)
    if len(best) != 1:
        raise UserError(f"{path}: the text may be {_names(alike)}; name its column with --text COLUMN")
    roles.take("text", best[0].name, f"the longest texts: {best[0].mean_length:,.0f} characters on average")


def _propose_split(columns: Columns, roles: Roles) -> None:
    found = [
        column
        for column in _free(columns, roles)
        if column.are_splits and len({SPLIT_NAMES[name.lower()] for name in column.counts or ()}) > 1
    ]
    if len(found) == 1:
        roles.take("split", found[0].name, f"its values are {', '.join(sorted(found[0].counts or ()))}")
    elif found:
        roles.undecided.append(f"the source's own split may be {_names(found)}: --split COLUMN")


def _propose_date(columns: Columns, roles: Roles) -> None:
    found = [column for column in _free(columns, roles) if column.are_dates and 2 * column.filled >= columns.rows]
    best = found if len(found) == 1 else _named(found, frozenset({"date"}))
    if len(best) == 1:
        roles.take("date", best[0].name, "its values are dates")
    elif found:
        roles.undecided.append(f"the date may be {_names(found)}: --date COLUMN")
    else:
        named = [column for column in _free(columns, roles) if re.search(r"date$|^date|^day$", column.name.lower())]
        if named:
            roles.undecided.append(
                f"not all values of {_names(named)} are dates as YYYY-MM-DD or MM/DD/YYYY: rewrite them for --date"
            )


def _is_category(column: Column) -> bool:
    """Return whether a column has few values that repeat, of a kind that a label may have."""
    return (
        column.counts is not None
        and 2 <= len(column.counts) <= column.filled / 2
        and column.kinds <= LABEL_KINDS
        and not column.are_dates
        and not column.are_splits
    )


def _propose_label(path: Path, columns: Columns, roles: Roles) -> None:
    free = _free(columns, roles)
    named = _named(free, LABEL_NAMES)
    found = [column for column in free if _is_category(column)]
    best = named or found
    if len(best) != 1 or not _is_category(best[0]):
        possible = found + [column for column in named if column not in found]
        problems = [f"the label may be {_names(possible)}"] if found else []
        if constant := [column for column in named if column.kinds <= LABEL_KINDS and len(column.counts or ()) == 1]:
            problems.append(f"{_names(constant)} has the same value in every row")
        if other := [column for column in named if OTHER in column.kinds]:
            problems.append(f"{_names(other)} has fractions or lists: write them as strings")
        if dates := [column for column in named if column.are_dates]:
            problems.append(f"{_names(dates)} has dates")
        problem = ", and ".join(problems or ["no column has few values that repeat"])
        raise UserError(f"{path}: {problem}; name the column of the labels with --label COLUMN")
    roles.take("label", best[0].name, f"{len(best[0].counts or ()):,} values that repeat")
    if others := [column for column in found if column is not best[0]]:
        roles.undecided.append(f"other columns that may be the label are {_names(others)}: --label COLUMN")


def _propose_id(columns: Columns, roles: Roles) -> None:
    unique = [
        column
        for column in _free(columns, roles)
        if column.filled == columns.rows
        and len(column.kinds) == 1
        and column.kinds <= {"string", "integer"}
        and not column.are_dates
        and not column.spaced
        and column.is_unique()
    ]
    named = [column for column in unique if ID_NAME.search(column.name.strip())]
    best = (
        _named(named, frozenset({"id"})) or named or (unique if len(unique) == 1 and columns.rows >= FEW_ROWS else [])
    )
    if len(best) == 1:
        roles.take("id", best[0].name, "no value occurs twice")
    elif unique:
        roles.undecided.append(f"rows are numbered; their id may be {_names(unique)}: --id COLUMN")


def _propose_product(columns: Columns, roles: Roles) -> None:
    found = [c for c in _named(_free(columns, roles), frozenset({"product"})) if _is_category(c)]
    if found:
        roles.take("product", found[0].name, f"{len(found[0].counts or ()):,} values, for the hierarchy of classes")
