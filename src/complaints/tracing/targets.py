"""Targets of `complaints trace`: an output of the workspace or of a revision, a copy of one, or a hash."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from complaints.core.dvc_lock import Entry, Stage, hash_path, is_inside
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.lineage.chain import chain_of
from complaints.lineage.history import versions
from complaints.lineage.place import RECORD
from complaints.lineage.snapshots import WORKSPACE, Snapshot, Snapshots
from complaints.tracing.arguments import Named
from complaints.tracing.differing import check_member, difference, named, workspace_difference
from complaints.tracing.listings import Listings, files_of

FEWEST_DIGITS = 8
HASH = re.compile(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}(\.dir)?")
DIGITS = re.compile(r"(?=.*[0-9])[0-9a-fA-F]{4,}")
"""Digits that are too few, or too many, for a hash; a word such as `face` has no digit."""
MD5_DIGITS = 32
SHOWN = 5


class Output(NamedTuple):
    """An output, or a file inside one, in a dvc.lock."""

    revision: str
    """The commit of the dvc.lock, `workspace`, or the revision that was asked for."""
    lock: dict[str, Stage]
    path: str
    md5: str
    """Empty for a folder that contains outputs, and for a file inside one that was named by its path."""


@dataclass(frozen=True)
class Found:
    """The output that a target means."""

    snapshot: Snapshot
    lock: dict[str, Stage]
    path: str
    md5: str
    note: str = ""
    """How a copy or a hash was recognised."""
    differs: str = ""
    """How a copy, or the workspace, is not the output; empty if it is, and for another version's output."""


def _in_project(path: Path, root: Path) -> str | None:
    """Return a path relative to the project, None for one outside; folders above it may be links."""
    for base, full in ((root.absolute(), path), (root.resolve(), path.parent.resolve() / path.name)):
        relative = os.path.relpath(full, base)
        if not relative.startswith(".."):
            return Path(relative).as_posix()
    return None


def _outputs(revision: str, lock: dict[str, Stage]) -> Iterator[Output]:
    for stage in lock.values():
        for out in stage.outs:
            yield Output(revision, lock, out.path, out.md5)


class Search:
    """Versions of the project, searched for an output by path, by content or by hash."""

    def __init__(self, snapshots: Snapshots, revision: str | None, root: Path) -> None:
        """Name the revision to search alone; None for the workspace and then everything that git reaches."""
        self._root, self._snapshots = root, snapshots
        self._first = snapshots.get(revision or WORKSPACE)
        self._everywhere = revision is None
        self._listings = Listings(root)

    def find(self, target: Named) -> Found:
        """Return the output that a target means.

        Raises:
            UserError: if no version has it, or a hash begins the names of several.
        """
        full = Path(os.path.abspath(target.path))
        relative = _in_project(full, self._root)
        outs = list(_outputs(self._first.name, self._first.lock))
        if relative and any(is_inside(relative, out.path) or is_inside(out.path, relative) for out in outs):
            return self._output(relative, outs)
        if os.path.lexists(full):
            return self._copy(full, relative)
        if HASH.fullmatch(target.text.lower()):
            return self._hash(target.text.lower().removesuffix(".dir"))
        if relative is None:
            raise UserError(
                f"{target.text} is outside the project {self._root.resolve()} and does not exist; name an output of "
                "one of its stages, a copy of one, or a hash of 8 or more digits"
            )
        for output in self._all_outputs():
            if is_inside(relative, output.path):
                raise UserError(
                    f"the workspace's dvc.lock has no {relative}, that of commit {output.revision[:12]} has it; "
                    f"add `--rev {output.revision[:12]}`"
                )
        if "/" not in target.text and DIGITS.fullmatch(target.text):
            raise UserError(
                f"{target.text} is no output, and no hash: that is {FEWEST_DIGITS} to 64 hexadecimal digits; give more"
            )
        chain_of(self._first.lock, relative)  # raises the error that names near outputs
        raise AssertionError(relative)

    def _output(self, path: str, outs: list[Output]) -> Found:
        """Return an output, a part of one, or a folder above some, compared with the workspace.

        Raises:
            UserError: if the path is in an output that dvc.lock records without it.
        """
        there = [Entry(out.path, out.md5) for out in outs if is_inside(path, out.path) or is_inside(out.path, path)]
        md5 = next((out.md5 for out in there if out.path == path), "")
        for out in there:
            check_member(out, path, self._listings)
        if self._first.commit is not None:
            return Found(self._first, self._first.lock, path, md5)
        others = {out.md5: out.path for out in outs}
        differing = [workspace_difference(out, path, self._root, self._listings, others) for out in there]
        differs = "; ".join(text for text in differing if text)
        return Found(self._first, self._first.lock, path, md5, differs=differs and f"the workspace differs: {differs}")

    def _check_no_input(self, path: str) -> None:
        """Check that a path is not an input of the pipeline.

        Raises:
            UserError: if stages read it, or it is the record of the pipeline itself.
        """
        readers = [
            stage.name
            for stage in self._first.lock.values()
            if path in stage.params or any(is_inside(d.path, path) or is_inside(path, d.path) for d in stage.deps)
        ]
        if readers or path in RECORD:
            role = f"an input of {named(readers)}, and no stage makes it" if readers else "a part of the record itself"
            raise UserError(
                f"{path} is {role}; `git log -- {path}` tells its history, and `complaints trace PATH` of an output "
                "what its stages read"
            )

    def _found(self, output: Output, note: str, differs: str = "") -> Found:
        return Found(self._snapshots.get(output.revision), output.lock, output.path, output.md5, note, differs)

    def _all_outputs(self) -> Iterator[Output]:
        """Yield every output: of the workspace, then of each version in git, the oldest first."""
        yield from _outputs(self._first.name, self._first.lock)
        for version in reversed(versions(self._root)) if self._everywhere else ():
            if version.commits:
                yield from _outputs(version.commits[-1], version.lock)

    def _members(self) -> Iterator[Output]:
        """Yield every file inside a folder that is an output."""
        for output in self._all_outputs():
            if output.md5.endswith(".dir"):
                for name, md5 in self._listings.get(output.md5, output.path).items():
                    yield output._replace(path=f"{output.path}/{name}", md5=md5)

    def _matches(self, fits: Callable[[Output], bool]) -> list[Output]:
        """Return the outputs that fit, or else the files inside them, the first one of each md5."""
        for outputs in (self._all_outputs, self._members):
            found: dict[str, Output] = {}
            for output in outputs():
                if output.md5 not in found and fits(output):
                    found[output.md5] = output
            if found:
                return list(found.values())
        return []

    def _hash(self, digits: str) -> Found:
        """Return the output whose md5, or else sha256, begins with `digits`."""
        found = self._matches(lambda output: output.md5.startswith(digits)) if len(digits) <= MD5_DIGITS else []
        kind = "md5" if found else "sha256"
        if not found and len(digits) != MD5_DIGITS:
            found = self._matches(lambda output: self._sha256(output).startswith(digits))
        if not found:
            place = "any version in git or the workspace" if self._everywhere else self._first.name
            raise UserError(
                f"no output of {place} has a hash that begins with {digits}; files inside folders, and sha256, are "
                "known only of what DVC's cache or the workspace has: `dvc fetch --all-commits` brings the others"
            )
        if len(found) > 1:
            several = ", ".join(f"{out.md5} ({out.path})" for out in found[:SHOWN])
            more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise UserError(f"{digits} begins {len(found)} hashes: {several}{more}; give more digits")
        return self._found(found[0], f"{digits} begins its {kind}")

    def _sha256(self, output: Output) -> str:
        """Return the sha256 of a file in DVC's cache or in the workspace, "" for one in neither, and for a folder."""
        file = None if output.md5.endswith(".dir") else self._listings.file(output.md5, output.path)
        return file_digest(file) if file is not None else ""

    def _copy(self, full: Path, relative: str | None) -> Found:
        """Return the output of which a file or folder outside of the outputs is a copy."""
        md5 = hash_path(full.parent, full.name) or ""
        if found := self._matches(lambda output: output.md5 == md5):
            return self._found(found[0], f"{full} is a copy of it, with the same md5")
        if relative is not None:
            self._check_no_input(relative)
        if full.is_dir() and (best := self._closest(full)):
            return best
        raise UserError(
            f"{full} (md5 {md5}) is no copy of an output of {self._root.resolve()}, in any version that git or DVC's "
            "cache has; fetch the branches and experiments of the machine that made it"
        )

    def _closest(self, full: Path) -> Found | None:
        """Return the output with which a folder has most files in common, None without any."""
        own = files_of(full)
        best: tuple[int, Output, dict[str, str]] | None = None
        for output in self._all_outputs():
            listing = self._listings.get(output.md5, output.path) if output.md5.endswith(".dir") else {}
            same = sum(own.get(name) == md5 for name, md5 in listing.items())
            if same and (best is None or same > best[0]):
                best = same, output, listing
        if best is None:
            return None
        changed, more = difference(own, best[2])
        note = (
            f"{full} is a copy of it" + (f", with {changed}" if changed else "") + (f", beside {more}" if more else "")
        )
        return self._found(best[1], note, f"the copy has {changed}" if changed else "")
