"""Target of a reproduction: a commit, and the stages of its dvc.lock in the order in which they run."""

from dataclasses import dataclass
from pathlib import Path

from complaints.core.dvc_lock import Stage, hash_path, is_inside
from complaints.core.errors import UserError
from complaints.lineage.chain import chain_of
from complaints.lineage.history import holders
from complaints.lineage.revisions import resolve, unknown
from complaints.lineage.snapshots import Snapshot, Snapshots

SHOWN_DIGITS = 12


@dataclass(frozen=True)
class Target:
    """All stages of a commit, or those that made one output of it."""

    snapshot: Snapshot
    commit: str
    path: str | None
    """The output; None for all stages."""
    stages: tuple[Stage, ...]
    """As dvc.lock has them, each after the stages that it depends on."""
    makers: tuple[str, ...]
    """The stages to name to `dvc repro`; none for all."""

    @property
    def title(self) -> str:
        """The target in words."""
        return f"{self.path or 'all stages'} of commit {self.commit[:SHOWN_DIGITS]}"


def _commit_of(path: Path) -> tuple[str, str]:
    """Return the newest commit whose dvc.lock has the bytes of a file or folder, and the path of the output there.

    Raises:
        UserError: if there is none.
    """
    md5 = hash_path(Path(), str(path))
    found = [version for version in holders(Path(), str(md5)) if version.commits]
    if not found:
        raise UserError(
            f"no commit has a dvc.lock with {path} as it is now (md5 {md5}); commit dvc.lock and params.yaml after "
            "`dvc repro`, or name a revision"
        )
    return found[0].commits[0], next(o.path for stage in found[0].lock.values() for o in stage.outs if o.md5 == md5)


def _named(text: str, path_here: Path) -> tuple[str, str, str | None]:
    """Return name, commit and path that an argument names."""
    if (commit := resolve(text)) is not None:
        return text, commit, None
    revision, colon, path = text.partition(":")
    if colon and (commit := resolve(revision)) is not None:
        return revision, commit, path.rstrip("/")
    if not path_here.exists():
        raise UserError(f"{text!r} is no path either: {unknown(revision if colon else text)}")
    commit, path = _commit_of(path_here)
    return commit, commit, path


def _all(lock: dict[str, Stage]) -> list[Stage]:
    """Return the stages with outputs, each after those that it depends on."""
    ordered: dict[str, Stage] = {}
    for stage in lock.values():
        for out in stage.outs[:1]:
            ordered |= {step.stage.name: step.stage for step in chain_of(lock, out.path).steps}
    return list(ordered.values())


def find_target(text: str, path_here: Path, snapshots: Snapshots) -> Target:
    """Return the target that an argument names.

    Args:
        text: The argument.
        path_here: The path that it is, relative to the root of the project, if it names no revision.
        snapshots: The open snapshots.

    Raises:
        UserError: if it names neither a revision, an output of one, nor a file or folder that a commit has.
    """
    name, commit, path = _named(text, path_here)
    snapshot = snapshots.get(name)
    with snapshot.naming():
        stages = _all(snapshot.lock) if path is None else [step.stage for step in chain_of(snapshot.lock, path).steps]
    if not stages:
        raise UserError(f"dvc.lock of {name} has no stage; name a revision after its first `dvc repro`")
    makers = (
        [] if path is None else [stage.name for stage in stages if any(overlaps(out.path, path) for out in stage.outs)]
    )
    return Target(snapshot, commit, path, tuple(stages), tuple(makers))


def overlaps(path: str, other: str) -> bool:
    """Return whether a path is another, is in it or contains it."""
    return is_inside(path, other) or is_inside(other, path)
