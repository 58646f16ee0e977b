"""Differences between the complaints of two versions, and the stage at which each entered."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from complaints.core.dvc_lock import Stage
from complaints.row_history.index import Fact, Index
from complaints.row_history.loading import STAGES, DataFile, Loader, StageName, data_files

Kind = Literal["added", "removed", "changed label", "changed text", "moved"]
KINDS: tuple[Kind, ...] = ("added", "removed", "changed label", "changed text", "moved")


@dataclass(frozen=True)
class Change:
    """A difference of one row at one stage."""

    row_id: str
    before: str | None
    """Split, label, or sha256 of the text of the first version; None for an added row."""
    after: str | None


@dataclass(frozen=True)
class StageDiff:
    """The differences at one stage."""

    rows: tuple[int, int]
    """Number of rows of both versions."""
    changes: dict[Kind, dict[str, Change]]
    """Kind -> row id -> change; of raw and labeled data no row is `moved`."""


@dataclass(frozen=True)
class Difference:
    """The differences of two versions."""

    stages: dict[StageName, StageDiff]
    """Of the stages whose files of both versions could be read, in their order."""
    unread: dict[StageName, str]
    """Of the others: what is missing, in words."""
    remote: str

    def entered(self) -> dict[Kind, dict[StageName, list[Change]]]:
        """Return kind -> stage -> changes that the stage has and the one before it, of those read, has not."""
        found: dict[Kind, dict[StageName, list[Change]]] = {kind: {} for kind in KINDS}
        for kind in KINDS:
            above: set[str] = set()
            for stage, diff in self.stages.items():
                changes = diff.changes.get(kind, {})
                found[kind][stage] = [changes[row_id] for row_id in sorted(changes.keys() - above)]
                above = set(changes)
        return found


def _only(index: Index, keys: dict[str, str], others: dict[str, str]) -> dict[str, tuple[Fact, str]]:
    """Return row id -> (fact, split) of the rows that are not, as they are, in the same split of the other version."""
    found = {}
    for split, key in keys.items():
        mine = index.numbers(key)
        theirs = index.numbers(others[split]) if split in others else np.empty(0, np.int64)
        left = np.setdiff1d(mine, theirs, assume_unique=True)
        found.update({fact.row_id: (fact, split) for fact in index.facts("number", left.tolist()).values()})
    return found


def _compare(index: Index, before: dict[str, str], after: dict[str, str]) -> StageDiff:
    """Return the differences of two sets of files, split -> key."""
    old, new = _only(index, before, after), _only(index, after, before)
    changes: dict[Kind, dict[str, Change]] = defaultdict(dict)
    for row_id in old.keys() | new.keys():
        if row_id not in old:
            changes["added"][row_id] = Change(row_id, None, new[row_id][1] or None)
        elif row_id not in new:
            changes["removed"][row_id] = Change(row_id, old[row_id][1] or None, None)
        else:
            (was, split), (now, moved_to) = old[row_id], new[row_id]
            if was.label != now.label:
                changes["changed label"][row_id] = Change(row_id, was.label, now.label)
            if was.text_sha256 != now.text_sha256:
                changes["changed text"][row_id] = Change(row_id, was.text_sha256.hex(), now.text_sha256.hex())
            if split != moved_to:
                changes["moved"][row_id] = Change(row_id, split, moved_to)
    sizes = [sum(len(index.numbers(key)) for key in keys.values()) for keys in (before, after)]
    return StageDiff((sizes[0], sizes[1]), dict(changes))


def _unread(files: dict[str, DataFile], index: Index) -> str:
    """Return what cannot be read of the files of a stage, in words; "" if all can."""
    if not files:
        return "no stage has written it"
    return ", ".join(f"{file.path} {file.md5[:12]}" for file in files.values() if not index.has(file.key))


def difference(
    index: Index, root: Path, remote: str | None, before: dict[str, Stage], after: dict[str, Stage]
) -> Difference:
    """Return the differences of the complaints of two versions of dvc.lock.

    Args:
        index: The index, into which data that it lacks is read.
        root: The folder of dvc.yaml.
        remote: The name of a remote of DVC, None for the default one.
        before: The stages of the first version.
        after: Those of the second.

    Raises:
        UserError: as `Loader.load` does.
    """
    loader = Loader(index, root, remote)
    sides: list[dict[StageName, dict[str, DataFile]]] = [data_files(before), data_files(after)]
    loader.load(file for side in sides for files in side.values() for file in files.values())
    stages: dict[StageName, StageDiff] = {}
    unread: dict[StageName, str] = {}
    for stage in STAGES:
        old, new = (side[stage] for side in sides)
        missing = [
            f"{side}: {problem}" for side, files in (("a", old), ("b", new)) if (problem := _unread(files, index))
        ]
        if missing:
            unread[stage] = "; ".join(missing)
        else:
            keys: list[dict[str, str]] = [{split: file.key for split, file in files.items()} for files in (old, new)]
            stages[stage] = _compare(index, *keys)
    return Difference(stages, unread, loader.remote)


def as_dict(found: Difference, ids: bool) -> dict[str, Any]:
    """Return the differences as JSON values, with the changes themselves on request."""
    entered = found.entered()
    return {
        "stages": {
            stage: {
                "rows": list(diff.rows),
                **{kind: len(diff.changes.get(kind, {})) for kind in KINDS},
                "entered": {kind: len(entered[kind][stage]) for kind in KINDS},
            }
            for stage, diff in found.stages.items()
        },
        "not_read": dict(found.unread),
        "remote": found.remote if found.unread else None,
        **({"changes": _changes(entered)} if ids else {}),
    }


def _changes(entered: dict[Kind, dict[StageName, list[Change]]]) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "stage": stage, **vars(change)}
        for kind, stages in entered.items()
        for stage, changes in stages.items()
        for change in changes
    ]


def render(found: Difference, names: tuple[str, str], ids: bool) -> str:
    """Return the differences as text: a row for each kind, a column for each stage at which it entered."""
    entered = found.entered()
    last = list(found.stages)[-1:]
    lines = [f"a: {names[0]}. b: {names[1]}."]
    if found.stages:
        heads = [*found.stages, f"in b's {last[0]} data"]
        lines += ["", f"{'entered at':<16}" + "".join(f"{head:>18}" for head in heads)]
        lines.append(f"{'rows of a':<16}" + "".join(f"{diff.rows[0]:>18,}" for diff in found.stages.values()))
        lines.append(f"{'rows of b':<16}" + "".join(f"{diff.rows[1]:>18,}" for diff in found.stages.values()))
        for kind in KINDS:
            counts = [len(changes) for changes in entered[kind].values()]
            total = len(found.stages[last[0]].changes.get(kind, {}))
            lines.append(f"{kind:<16}" + "".join(f"{count:>18,}" for count in (*counts, total)))
    if ids:
        listed = [f"{c['kind']} at {c['stage']}: {c['row_id']}{_values(c)}" for c in _changes(entered)]
        lines += ["", *listed]
    if found.unread:
        lines.append("")
        lines += [f"Not compared: {stage} ({problem})." for stage, problem in found.unread.items()]
        lines.append(f"What is missing is not in DVC's cache, and {found.remote}.")
    return "\n".join(lines)


def _values(change: dict[str, Any]) -> str:
    if change["kind"] == "changed text":
        return f" {change['before'][:12]} -> {change['after'][:12]}"
    before, after = change["before"], change["after"]
    if before is None or after is None:
        value = after if before is None else before
        return f" ({value})" if value else ""
    return f" {before} -> {after}"
