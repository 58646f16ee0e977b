"""Sides of a comparison: systems that are named `[REVISION:]ROW`, and the pairs that two sides make."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from complaints.comparing.rows import rows_of
from complaints.core.errors import UserError
from complaints.deciding.row_names import FLOOR
from complaints.lineage.revisions import resolve
from complaints.lineage.snapshots import WORKSPACE, Snapshot, Snapshots


@dataclass(frozen=True)
class SystemName:
    """A row of the scoreboard at a revision."""

    revision: str
    """A git revision, tag, branch or experiment, or WORKSPACE."""
    row: str
    """The row; "" stands for every row that both sides have."""

    def __str__(self) -> str:
        """Return the name in the form in which it is written on the command line."""
        return self.row if self.revision == WORKSPACE else f"{self.revision}:{self.row}"


@dataclass(frozen=True)
class Pair:
    """Two sides of one comparison; several systems a side are seeds of one recipe."""

    a: tuple[SystemName, ...]
    b: tuple[SystemName, ...]

    @property
    def titles(self) -> tuple[str, str]:
        """The names of both sides."""
        return ", ".join(map(str, self.a)), ", ".join(map(str, self.b))


def parse_side(text: str, workspace: Snapshot) -> list[SystemName]:
    """Return the systems that a side names, e.g. `main:minilm` or `exp-1,exp-2`.

    A word without a colon is a row of the workspace if there is such a row, else a revision.

    Raises:
        UserError: if a part is empty, or a word is neither.
    """
    systems = []
    for word in text.split(","):
        revision, colon, row = word.strip().rpartition(":")
        if colon:
            systems.append(SystemName(revision or WORKSPACE, row))
        elif row == WORKSPACE:
            systems.append(SystemName(WORKSPACE, ""))
        elif row and row in rows_of(workspace):
            systems.append(SystemName(WORKSPACE, row))
        elif row and resolve(row):
            systems.append(SystemName(row, ""))
        else:
            known = rows_of(workspace)
            raise UserError(
                f"{row!r} is neither a row of the workspace{_guess(row, known)} nor a revision, tag, branch or "
                f"experiment; the rows are {', '.join(known)}"
            )
    if twice := [system for system in systems if systems.count(system) > 1]:
        raise UserError(f"{text!r} names {str(twice[0]).rstrip(':')} twice; one training is one seed")
    if len({bool(system.row) for system in systems}) > 1:
        raise UserError(f"{text!r} names a row for some revisions only; write REVISION:ROW for each, or for none")
    return systems


def _guess(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def pairs(a: Sequence[SystemName], b: Sequence[SystemName], models: Sequence[str], snapshots: Snapshots) -> list[Pair]:
    """Return the pairs to compare: one where rows are named, else one for each row that all revisions have.

    Args:
        a: The systems of the first side.
        b: The systems of the second side.
        models: The rows to compare where a side names revisions only; empty for all common ones.
        snapshots: The open snapshots.

    Raises:
        UserError: if a row is missing at a revision, no row is common, or `models` is given and rows are named.
    """
    named = [system.row for system in (*a, *b) if system.row]
    if models and named:
        raise UserError(f"--model {models[0]}: {named[0]} is named already; name revisions alone, or leave out --model")
    if named and not all(system.row for system in (*a, *b)):
        models = list(dict.fromkeys(named))
        if len(models) > 1:
            raise UserError(f"one side names {', '.join(models)} and the other no row; write REVISION:ROW on both")
    for system in (*a, *b):
        for row in [system.row] if system.row else models:
            _check_row(row, system.revision, snapshots.get(system.revision))
    if all(system.row for system in (*a, *b)):
        return [Pair(tuple(a), tuple(b))]
    rows = list(models) or _common_rows([snapshots.get(system.revision) for system in (*a, *b)])
    return [Pair(_with_row(a, row), _with_row(b, row)) for row in rows]


def _with_row(side: Sequence[SystemName], row: str) -> tuple[SystemName, ...]:
    return tuple(SystemName(system.revision, system.row or row) for system in side)


def _check_row(row: str, revision: str, snapshot: Snapshot) -> None:
    known = rows_of(snapshot)
    if row not in known:
        raise UserError(f"{revision} has no row {row!r}{_guess(row, known)}; its rows are {', '.join(known)}")


def _common_rows(snapshots: Sequence[Snapshot]) -> list[str]:
    """Return the rows that all snapshots have, in the order of the first, without the majority class."""
    others = [rows_of(snapshot) for snapshot in snapshots[1:]]
    rows = [row for row in rows_of(snapshots[0]) if row != FLOOR and all(row in other for other in others)]
    if not rows:
        names = ", ".join(dict.fromkeys(snapshot.name for snapshot in snapshots))
        raise UserError(f"{names} have no row in common; name them as REVISION:ROW")
    return rows
