"""Report of a withdrawal: what was recorded, what holds it, what was removed and proved, what could not be reached."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from complaints.core.dvc_lock import is_inside
from complaints.core.errors import UserError
from complaints.core.files import write_text
from complaints.forgetting.outputs import version_name
from complaints.forgetting.survey import Survey, outputs_line
from complaints.lineage.git import git
from complaints.output_files import check_target
from complaints.withdrawals.ledger import LEDGER, Affected, Withdrawals

TITLE = "# Certificate of withdrawal"
DIGITS = 12


@dataclass
class Section:
    """A heading and lines below it; without lines it is left out."""

    heading: str
    lines: list[str] = field(default_factory=list)


def object_line(survey: Survey, md5: str, parts: Iterable[str]) -> str:
    """Return the line of an object in the cache or on a remote."""
    return f"{md5[:DIGITS]} {outputs_line(survey.outputs, md5)} ({', '.join(sorted(parts))})"


def holding(survey: Survey) -> list[Section]:
    """Return everything that holds withdrawn complaints, with what to do about it.

    Objects and checkpoints are in the order of their paths: that of their hashes would be another one for other bytes.
    """
    in_cache = sorted(survey.held("cache"), key=lambda found: (outputs_line(survey.outputs, found.name), found.name))
    cache = [object_line(survey, found.name, found.parts) for found in in_cache]
    remote = [
        f"{name}: {len(md5s)} objects; `complaints forget --purge --remote {name}` removes them"
        for name, md5s in survey.remotes.items()
        if md5s
    ]
    copies = {
        where: [f for f in survey.found if f.where == where and "checkpoint" in f.parts]
        for where in ("workspace", "mlflow")
    }

    def files(where: str) -> list[str]:
        rows = [*survey.held(where), *copies[where]]
        return [f"{found.name} ({', '.join(sorted(found.parts))})" for found in rows]

    checkpoints = [
        f"{affected.path} {md5[:DIGITS]} ({affected.role}) of {_versions_with(survey, md5)}{_state(survey, affected)}"
        for md5, affected in sorted(survey.affected.items(), key=lambda item: (item[1].path, item[0]))
    ]
    return [
        Section("Objects in DVC's cache", cache),
        Section("Checkpoints and features made from them", checkpoints),
        Section("Remotes", remote),
        Section("Files in the workspace; `dvc repro` replaces outputs, remove others by hand", files("workspace")),
        Section("MLflow's store; `mlflow gc` removes deleted runs, remove files by hand", files("mlflow")),
        Section(
            "Objects in git, which are not rewritten; the tool git-filter-repo does that, in every clone",
            [f"{found.name} ({', '.join(sorted(found.parts))})" for found in survey.held("git")],
        ),
    ]


def _versions_with(survey: Survey, md5: str) -> str:
    names = [
        version_name(v) for v in survey.outputs.versions if any(o.md5 == md5 for s in v.lock.values() for o in s.outs)
    ]
    return "; ".join(dict.fromkeys(names)) or "no version"


def _state(survey: Survey, affected: Affected) -> str:
    """Return a note on a checkpoint of which no file is left in the cache."""
    own = {
        md5
        for files in survey.outputs.files
        for path, md5 in files.items()
        if is_inside(path, affected.path) and md5 in survey.derived
    }
    return "" if own & survey.cached else ", no longer in the cache"


def as_text(sections: Sequence[Section]) -> str:
    """Return sections as text."""
    blocks = [[f"{s.heading}: {len(s.lines)}", *(f"  {line}" for line in s.lines)] for s in sections if s.lines]
    return "\n\n".join("\n".join(block) for block in blocks)


def default_certificate() -> Path:
    """Return the name of a certificate of today."""
    return Path(f"withdrawal-{datetime.date.today().isoformat()}.md")


def check_certificate(path: Path) -> None:
    """Check that a certificate can be written without the loss of another file.

    Raises:
        UserError: as `check_target` does, and if another file than a certificate is there.
    """
    check_target(path, "--certificate", (".md",))
    if path.exists() and not path.read_bytes().startswith(TITLE.encode()):
        raise UserError(f"{path} is there and is no certificate; name another file with --certificate")


def write_certificate(path: Path, withdrawals: Withdrawals, done: str, sections: Sequence[Section], root: Path) -> None:
    """Write a certificate, or add to one: a purge on the same day continues the certificate of the withdrawal.

    It names neither ids nor texts.
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    ids, texts = withdrawals.sizes
    commit = git(root, "rev-parse", "--short=12", "HEAD") or "none"
    old = path.read_text(encoding="utf-8").rstrip("\n") if path.is_file() else ""
    lines = [old] if old.startswith(TITLE) else [TITLE]
    lines += [
        "",
        f"## {now}",
        "",
        done,
        "",
        f"{LEDGER} has the digests of {ids} ids and {texts} texts. Commit: {commit}.",
    ]
    for section in sections:
        if section.lines:
            lines += ["", f"### {section.heading}", "", *(f"- {line}" for line in section.lines)]
    write_text(path, "\n".join(lines))
