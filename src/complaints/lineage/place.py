"""Place of a record: the commits and names in git that hold an output, and what of the workspace differs from HEAD."""

from pathlib import Path

from complaints.lineage.chain import Chain
from complaints.lineage.git import git
from complaints.lineage.history import WORKSPACE, contents, places

RECORD = ("dvc.lock", "dvc.yaml", "params.yaml", ".dvcignore")
"""Files that verification believes: whoever can write all of them, and the outputs, can make them agree."""
DIGITS = 12
SHOWN = 4


def recorded_in(chain: Chain, root: Path) -> tuple[str | None, list[str]]:
    """Return the commit that first recorded the outputs of a chain, and the names that hold them now.

    The hashes are looked for in the text of every dvc.lock, which takes a hundredth of the time of reading it as YAML.

    Returns:
        The commit, None if git has none; tags, branches and experiments, those of remotes last.
    """
    found = places(root)
    texts = contents(root, [place.lock_blob for place in found])
    wanted = [out.md5.encode() for out in chain.outs]
    holding = [place for place, text in zip(found, texts, strict=True) if all(md5 in text for md5 in wanted)]
    commits = [commit for place in holding for commit in place.commits]
    names = {name for place in holding for name in place.names}
    own = sorted(name for name in names - {WORKSPACE} if not name.endswith("/HEAD"))
    return commits[-1] if commits else None, sorted(own, key=lambda name: "/" in name)


def changed_since_head(chain: Chain, root: Path) -> list[str] | None:
    """Return the files of the record and of the chain's code that differ from HEAD, None without git or a commit."""
    code = {dep.path for step in chain.steps for dep in step.stage.deps if step.kind(dep) == "code"}
    changed = git(root, "diff", "--name-only", "--relative", "HEAD", "--", *RECORD, *sorted(code))
    committed = git(root, "ls-tree", "--name-only", "HEAD", "--", *RECORD)
    if changed is None or committed is None:
        return None
    new = [file for file in RECORD if (root / file).exists() and file not in committed.split()]
    return [*changed.split("\n"), *new] if changed else new


def recorded_line(chain: Chain, is_workspace: bool, root: Path) -> str:
    """Return the text on the commits that hold an output and on the state of the workspace."""
    commit, names = recorded_in(chain, root)
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    place = "no git commit; commit dvc.lock to keep the record"
    if commit is not None:
        place = f"commit {commit[:DIGITS]}" + (f", now in {shown}" if names else ", in no branch or tag now")
    changed = changed_since_head(chain, root) if is_workspace else []
    if changed:
        place += f"; changed since HEAD: {', '.join(changed[:SHOWN])}"
        place += f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return place


def commit_note(root: Path) -> str:
    """Return a sentence on the git commit of the record, which alone tells whether somebody rewrote it consistently."""
    commit = git(root, "rev-parse", f"--short={DIGITS}", "HEAD")
    committed = git(root, "ls-tree", "--name-only", "HEAD", "--", *RECORD)
    changed = git(root, "diff", "--name-only", "--relative", "HEAD", "--", *RECORD)
    if commit is None or committed is None or changed is None:
        return f"note: {', '.join(RECORD)} are in no git commit, so nothing vouches for the record itself"
    new = [file for file in RECORD if (root / file).exists() and file not in committed.split()]
    if differing := [*changed.split(), *new]:
        verb = "differs" if len(differing) == 1 else "differ"
        return f"note: {', '.join(differing)} {verb} from git commit {commit}, so nothing vouches for the record itself"
    return f"The record is that of git commit {commit}."
