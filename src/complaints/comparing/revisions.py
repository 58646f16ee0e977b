"""Revisions as git knows them: commits, tags, branches and DVC experiments."""

import subprocess

from complaints.core.errors import UserError

EXPERIMENTS = "refs/exps/*/*/"
"""Where DVC keeps the commit of an experiment, under the hash of the commit that it started from."""


def git_output(*arguments: str) -> bytes | None:
    """Return the output of a git command in the working directory, None if it fails or there is no git."""
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def resolve(revision: str) -> str | None:
    """Return the commit of a revision, tag, branch or DVC experiment, None if git knows none.

    Raises:
        UserError: if several experiments have the name.
    """
    found = git_output("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is not None:
        return found.decode().strip()
    refs = (git_output("for-each-ref", "--format=%(objectname)", EXPERIMENTS + revision) or b"").decode().split()
    if len(set(refs)) > 1:
        commits = ", ".join(commit[:9] for commit in refs)
        raise UserError(f"{len(refs)} experiments are called {revision}; name one by its commit ({commits})")
    return refs[0] if refs else None


def unknown(revision: str) -> str:
    """Return the message for a revision that git does not know."""
    if git_output("rev-parse", "--git-dir") is None:
        return f"there is no git repository here, so {revision!r} is no revision; name rows of the workspace"
    shallow = (git_output("rev-parse", "--is-shallow-repository") or b"").strip() == b"true"
    more = (
        "this clone is shallow: `git fetch --unshallow` brings the others"
        if shallow
        else "`dvc exp show` and `git log --oneline` list them"
    )
    return f"git knows no revision, tag, branch or experiment {revision!r}; {more}"
