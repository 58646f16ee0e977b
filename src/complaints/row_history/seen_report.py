"""Answers of `complaints seen` as text and as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

from complaints.lineage.history import Place
from complaints.lineage.training_sets import Checkpoint
from complaints.row_history.seen import Answer, Query, Row, Search, Unread, Use

SHOWN_IDS = 5
SHOWN_NAMES = 4
SHOWN_UNREAD = 5
DIGITS = 12
TRAINING_ROLES = ("training", "without labels", "pretraining", "initial weights")
ROLES = (*TRAINING_ROLES, "validation", "test", "left out")


def places_in_words(versions: Sequence[Place]) -> str:
    """Return the names and newest commits that have some versions, in a few words."""
    names = list(dict.fromkeys(name for version in versions for name in version.names))
    commits = [version.commits[0][:9] for version in versions if version.commits]
    words = names[:SHOWN_NAMES] + ([f"{len(names) - SHOWN_NAMES} more names"] if len(names) > SHOWN_NAMES else [])
    if commits:
        words.append(f"commit {commits[0]}" + (f" and {len(commits) - 1} more" if len(commits) > 1 else ""))
    return ", ".join(words)


def _name(query: Query) -> str:
    return query.row_id if query.row_id is not None else "the text"


def _checkpoint(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.path} {checkpoint.md5[:DIGITS]}"


def _rows(rows: Sequence[Row]) -> str:
    """Return the rows by relation, with the first ids."""
    words: list[str] = []
    for relation in dict.fromkeys(row.relation for row in rows):
        ids = [row.row_id for row in rows if row.relation == relation]
        if relation == "itself":
            words.append(relation)
            continue
        listed = ", ".join(ids[:SHOWN_IDS]) + (", ..." if len(ids) > SHOWN_IDS else "")
        plural = f"{relation}s" if len(ids) > 1 and relation.endswith("duplicate") else relation
        words.append(f"{len(ids)} {plural} ({listed})" if len(ids) > 1 else f"{plural} {listed}")
    return "; ".join(words)


def _summary(answer: Answer, checkpoints: int, unread: int) -> str:
    name = _name(answer.query)
    if not answer.uses:
        return f"{name}: " + (
            f"no checkpoint saw it of the {checkpoints - unread} whose data can be read; {unread} are not known."
            if unread
            else "no checkpoint saw it."
        )
    trained = sum(any(role in use.rows for role in TRAINING_ROLES) for use in answer.uses)
    other = len(answer.uses) - trained
    more = f"; {other} had it only outside of training" if other else ""
    return f"{name}: {trained} of {checkpoints} checkpoints trained on it or a duplicate{more}."


def _use(use: Use) -> list[str]:
    lines = [f"  {_checkpoint(use.checkpoint)}  {places_in_words(use.versions)}"]
    return lines + [f"    {role:<16}{_rows(use.rows[role])}" for role in ROLES if role in use.rows]


def _unread(search: Search) -> list[str]:
    """Return sentences about the data that could not be read."""
    lines = []
    if search.unread:
        count, total = len(search.unread), search.checkpoints
        lines.append(
            f"Not known for {count} of {total} checkpoints, whose data is not in DVC's cache, and {search.remote}:"
        )
        lines += [_unread_line(unread) for unread in search.unread[:SHOWN_UNREAD]]
        if count > SHOWN_UNREAD:
            lines.append(f"  and {count - SHOWN_UNREAD} more, which --json lists")
        unread = "cannot be read" in search.remote  # a push would not mend a remote that is out of reach
        lines.append(
            "Make the remote reachable, and run this command again."
            if unread
            else "Run `dvc push --all-commits` where the data is, and this command again."
        )
    if search.history.unreadable:
        lines.append(
            f"Not read: {len(search.history.unreadable)} versions of dvc.lock that are not as DVC 3 writes them."
        )
    if search.history.shallow:
        lines.append("This clone is shallow: `git fetch --unshallow` brings the older versions.")
    return lines


def _unread_line(unread: Unread) -> str:
    more = f" and {len(unread.missing) - 1} more" if len(unread.missing) > 1 else ""
    return f"  {_checkpoint(unread.checkpoint)}  {places_in_words(unread.versions)}: {unread.missing[0]}{more}"


def render(search: Search) -> str:
    """Return the answers as text, and the extent of the search."""
    lines = []
    for answer in search.answers:
        lines += [
            _summary(answer, search.checkpoints, len(search.unread)),
            *(line for use in answer.uses for line in _use(use)),
        ]
    commits = len({commit for version in search.history.versions for commit in version.commits})
    found = f"{len(search.history.versions)} versions of dvc.lock in {commits} commits"
    lines += ["", f"Looked in {found} and in the workspace: {search.checkpoints} checkpoints.", *_unread(search)]
    return "\n".join(lines)


def places(versions: Iterable[Place]) -> list[dict[str, Any]]:
    """Return versions as JSON values."""
    return [{"lock": v.lock_blob, "names": list(v.names), "commits": list(v.commits)} for v in versions]


def _identity(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"path": checkpoint.path, "md5": checkpoint.md5}


def as_dict(search: Search) -> dict[str, Any]:
    """Return the answers as JSON values; `checkpoint` is an index into `checkpoints`."""
    number: dict[Checkpoint, int] = {}
    checkpoints: list[dict[str, Any]] = []
    for use in (use for answer in search.answers for use in answer.uses):
        if use.checkpoint not in number:
            number[use.checkpoint] = len(checkpoints)
            checkpoints.append({**_identity(use.checkpoint), "versions": places(use.versions)})
    return {
        "answers": [
            {
                "id": answer.query.row_id,
                "seen_by": [
                    {
                        "checkpoint": number[use.checkpoint],
                        "rows": {role: [vars(row) for row in use.rows[role]] for role in ROLES if role in use.rows},
                    }
                    for use in answer.uses
                ],
            }
            for answer in search.answers
        ],
        "checkpoints": checkpoints,
        "searched": {
            "versions": len(search.history.versions),
            "checkpoints": search.checkpoints,
            "shallow": search.history.shallow,
        },
        "not_read": {
            "checkpoints": [
                {
                    **_identity(unread.checkpoint),
                    "versions": places(unread.versions),
                    "missing": list(unread.missing),
                }
                for unread in search.unread
            ],
            "locks": places(search.history.unreadable),
            "remote": search.remote if search.unread else None,
        },
    }
