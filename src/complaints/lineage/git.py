"""Facts from git about the project, and DVC's experiments as git keeps them."""

import subprocess
from pathlib import Path

from complaints.core.errors import UserError

EXPERIMENTS = "refs/exps"
"""Where DVC keeps the commits of experiments, as <2 digits>/<38 digits>/<name>, by the commit they began from."""


def git_bytes(root: Path, *arguments: str) -> bytes | None:
    """Return the output of a git command, None if it fails, outside a repository, or without git."""
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def git(root: Path, *arguments: str) -> str | None:
    """Return the output of a git command as stripped text, None where `git_bytes` returns None."""
    output = git_bytes(root, *arguments)
    return None if output is None else output.decode(errors="replace").strip()


def run_git(root: Path, *arguments: str) -> str:
    """Run a git command that must succeed, and return its output as text.

    Raises:
        UserError: if it fails, with its last line, or there is no git.
    """
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise UserError(f"git cannot be run ({error.strerror}); install it") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise UserError(f"git {arguments[0]} failed in {root}: {last}")
    return done.stdout


def experiments(root: Path, name: str) -> dict[str, str]:
    """Return git reference -> commit of the DVC experiments of a name, whatever commits they began from."""
    listing = git(root, "for-each-ref", "--format=%(refname) %(objectname)", EXPERIMENTS) or ""
    found = dict(line.split(" ") for line in listing.splitlines())
    return {reference: commit for reference, commit in found.items() if reference.rpartition("/")[2] == name}
