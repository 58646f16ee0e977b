"""Every version of dvc.lock in git's history and in the workspace: tags, branches, experiments, their commits.

Old versions are read from git's objects; nothing is checked out.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from complaints.core.dvc_lock import LOCK_SCHEMA, Entry, Stage, command, read_lock
from complaints.core.errors import UserError
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.git import EXPERIMENTS, git
from complaints.lineage.revisions import resolve, unknown
from complaints.lineage.yaml12 import Loader

WORKSPACE = "workspace"
"""The name of the dvc.lock in the workspace among the names of a version."""

KINDS = {"refs/heads/": "", "refs/tags/": "", "refs/remotes/": "", "refs/stash": "stash"}
"""Prefix of a git reference -> what its short name begins with."""

COMMIT_LINE = "commit "

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass(frozen=True)
class Place:
    """A version of dvc.lock and the commits and names that hold it, without its content."""

    lock_blob: str
    """The id of the file's content, as `git hash-object` prints it."""
    commits: tuple[str, ...]
    """Commits that introduced this content, newest first; none if only the workspace has it."""
    names: tuple[str, ...]
    """Tags, branches, experiments and `workspace` that hold it now, in the order of their characters."""


@dataclass(frozen=True)
class Version(Place):
    """A version of dvc.lock that can be read."""

    lock: dict[str, Stage]
    """Stages by name, those of removed entries included."""


@dataclass(frozen=True)
class History:
    """The versions of dvc.lock, newest first."""

    versions: list[Version]
    unreadable: list[Place]
    """Versions that are not as DVC 3 writes them: cut off, with conflict markers, of another schema."""
    shallow: bool
    """Whether git has only the newest commits of the history."""


def _short(reference: str) -> str | None:
    """Return the name under which users know a git reference, None for one that only DVC uses."""
    for prefix, start in KINDS.items():
        if reference.startswith(prefix):
            return start or reference.removeprefix(prefix)
    parts = reference.removeprefix(f"{EXPERIMENTS}/").split("/")
    is_experiment = reference.startswith(f"{EXPERIMENTS}/") and len(parts) == 3 and len(parts[0]) == 2
    return parts[2] if is_experiment else None


def _batch(root: Path, option: str, objects: Iterable[str]) -> bytes:
    """Return the output of `git cat-file` with an option of batches, for objects, one a line."""
    done = subprocess.run(
        ["git", "cat-file", option], cwd=root, input="".join(f"{name}\n" for name in objects).encode(),
        capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout


def _holding_names(root: Path) -> dict[str, list[str]]:
    """Return blob of dvc.lock -> names of the references whose commits hold it, `HEAD` where no branch is."""
    listing = git(root, "for-each-ref", "--format=%(refname) %(objectname)") or ""
    pairs = [line.split(" ") for line in listing.splitlines()]
    tips = [(name, commit) for reference, commit in pairs if (name := _short(reference)) is not None]
    head = git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if head and git(root, "symbolic-ref", "--quiet", "HEAD") is None:
        tips.append(("HEAD", head))
    prefix = git(root, "rev-parse", "--show-prefix") or ""
    replies = _batch(root, "--batch-check", (f"{commit}:{prefix}{LOCK_FILE}" for _, commit in tips)).decode()
    names: dict[str, list[str]] = {}
    for (name, _), reply in zip(tips, replies.splitlines(), strict=True):
        blob, _, kind = reply.partition(" ")
        if kind.startswith("blob "):
            names.setdefault(blob, []).append(name)
    return names


def _introducing_commits(root: Path) -> dict[str, list[str]]:
    """Return blob of dvc.lock -> commits that introduced it, both newest first.

    A merge that takes the dvc.lock of one side introduces nothing; `git log` shows it as a combined difference.
    """
    options = ["--all", "--full-history", "--raw", "--no-abbrev", "--diff-merges=combined", f"--format={COMMIT_LINE}%H"]
    head = ["HEAD"] if git(root, "rev-parse", "--verify", "--quiet", "HEAD") else []
    log = git(root, "-c", "log.showRoot=true", "log", *options, *head, "--", LOCK_FILE.as_posix()) or ""
    introduced: dict[str, list[str]] = {}
    commit = ""
    for line in log.splitlines():
        if line.startswith(COMMIT_LINE):
            commit = line.removeprefix(COMMIT_LINE)
        elif line.startswith(":"):
            parents = len(line) - len(line.lstrip(":"))
            blob = line.split("\t")[0].split(" ")[2 * parents + 1]
            if blob.strip("0"):
                introduced.setdefault(blob, []).append(commit)
    return introduced


def places(root: Path) -> list[Place]:
    """Return every distinct dvc.lock reachable from any reference of git, and the workspace's, newest first.

    The references are branches, tags, experiments, branches of remotes, stashes and HEAD. A new dvc.lock in the
    workspace comes first.
    """
    in_git = git(root, "rev-parse", "--git-dir") is not None
    introduced = _introducing_commits(root) if in_git else {}
    names = _holding_names(root) if in_git else {}
    if (root / LOCK_FILE).is_file():
        blob = git(root, "hash-object", "--", LOCK_FILE.as_posix()) or WORKSPACE
        names.setdefault(blob, []).append(WORKSPACE)
    # A blob in a name alone is the workspace's, or one whose commit git's history of the file leaves out.
    order = dict.fromkeys([*(blob for blob in names if blob not in introduced), *introduced])
    return [Place(b, tuple(introduced.get(b, ())), tuple(sorted(names.get(b, ())))) for b in order]


def contents(root: Path, blobs: Iterable[str]) -> Iterator[bytes]:
    """Yield the content of each version of dvc.lock; the one that git does not have is read from the workspace."""
    wanted = list(blobs)
    in_git = git(root, "rev-parse", "--git-dir") is not None
    output = _batch(root, "--batch", wanted) if in_git else b"\n" * len(wanted)
    start = 0
    for _ in wanted:
        line_end = output.index(b"\n", start)
        fields, start = output[start:line_end].split(b" "), line_end + 1
        if len(fields) == 3 and fields[1] == b"blob":
            size = int(fields[2])
            yield output[start : start + size]
            start += size + 1
        else:
            yield (root / LOCK_FILE).read_bytes()


def _entries(items: list[dict[str, Any]] | None) -> tuple[Entry, ...]:
    """Return dependencies or outputs; raise ValueError for a hash that is no md5."""
    if wrong := [item for item in items or () if not MD5.fullmatch(item["md5"])]:
        raise ValueError(wrong)
    return tuple(Entry(item["path"].rstrip("/"), item["md5"], item.get("size")) for item in items or ())


def parse(content: bytes) -> dict[str, Stage] | None:
    """Return the stages of a dvc.lock by name, None if it is not as DVC 3 writes it."""
    try:
        value = yaml.load(content, Loader)
        if value["schema"] != LOCK_SCHEMA:
            return None
        return {
            str(name): Stage(
                str(name),
                command(stage["cmd"]),
                _entries(stage.get("deps")),
                {file: dict(values.items()) for file, values in (stage.get("params") or {}).items()},
                _entries(stage.get("outs")),
            )
            for name, stage in (value.get("stages") or {}).items()
        }
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError, ValueError):
        return None


def history(root: Path) -> History:
    """Read every version of dvc.lock that `places` finds.

    Raises:
        UserError: if neither git nor the workspace has a dvc.lock that can be read.
    """
    found = places(root)
    versions, unreadable = [], []
    for place, content in zip(found, contents(root, [place.lock_blob for place in found]), strict=True):
        lock = parse(content)
        if lock is None:
            unreadable.append(place)
        else:
            versions.append(Version(place.lock_blob, place.commits, place.names, lock))
    if not versions:
        read_lock(root / LOCK_FILE)  # names what is wrong with it
        raise UserError(f"git has no {LOCK_FILE} that can be read; run `dvc repro` to make one")
    return History(versions, unreadable, git(root, "rev-parse", "--is-shallow-repository") == "true")


def versions(root: Path) -> list[Version]:
    """Return the readable versions of dvc.lock, newest first.

    Raises:
        UserError: as `history` does.
    """
    return history(root).versions


def holders(root: Path, md5: str) -> list[Version]:
    """Return the versions in which a stage wrote an output of this md5, newest first.

    Raises:
        UserError: as `history` does.
    """
    return [v for v in versions(root) if any(out.md5 == md5 for stage in v.lock.values() for out in stage.outs)]


def version_at(root: Path, revision: str) -> Version:
    """Return the dvc.lock of a revision, tag, branch, experiment or `workspace`, without its commits and names.

    Raises:
        UserError: if git knows no such revision, or it has no dvc.lock that can be read.
    """
    if revision == WORKSPACE:
        lock = read_lock(root / LOCK_FILE)
        return Version(git(root, "hash-object", "--", LOCK_FILE.as_posix()) or WORKSPACE, (), (), lock)
    commit = resolve(revision)
    if commit is None:
        raise UserError(unknown(revision))
    blob = git(root, "rev-parse", "--verify", "--quiet", f"{commit}:./{LOCK_FILE}")
    if blob is None:
        raise UserError(f"{revision} has no {LOCK_FILE}; name a revision after the first `dvc repro`")
    (content,) = contents(root, [blob])
    found = parse(content)
    if found is None:
        raise UserError(f"{LOCK_FILE} of {revision} is not as DVC 3 writes it; name another revision")
    return Version(blob, (), (), found)
