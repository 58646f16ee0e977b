"""Revisions as git knows them: commits, tags, branches and DVC experiments."""

from pathlib import Path

from complaints.core.errors import UserError
from complaints.lineage.git import experiments, git

_ROOT = Path(".")


def resolve(revision: str) -> str | None:
    """Return the commit of a revision, tag, branch or DVC experiment, None if git knows none.

    Raises:
        UserError: if several experiments have the name.
    """
    found = git(_ROOT, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is not None:
        return found
    commits = list(dict.fromkeys(experiments(_ROOT, revision).values()))
    if len(commits) > 1:
        names = ", ".join(commit[:9] for commit in commits)
        raise UserError(f"{len(commits)} experiments are called {revision}; name one by its commit ({names})")
    return commits[0] if commits else None


def unknown(revision: str) -> str:
    """Return the message for a revision that git does not know."""
    if git(_ROOT, "rev-parse", "--git-dir") is None:
        return f"there is no git repository here, so {revision!r} is no revision; name rows of the workspace"
    shallow = git(_ROOT, "rev-parse", "--is-shallow-repository") == "true"
    more = (
        "this clone is shallow: `git fetch --unshallow` brings the others"
        if shallow
        else "`dvc exp show` and `git log --oneline` list them"
    )
    return f"git knows no revision, tag, branch or experiment {revision!r}; {more}"
