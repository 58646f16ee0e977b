"""Commands of git, and DVC's experiments as git keeps them."""

import subprocess
import tempfile
from pathlib import Path

from complaints.core.dvc_lock import read_lock
from complaints.core.errors import UserError

EXPERIMENTS = "refs/exps"


def git(root: Path, *arguments: str) -> str:
    """Run git in a folder and return what it printed.

    Raises:
        UserError: if it fails, with its last line.
    """
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise UserError(f"git {arguments[0]} failed in {root}: {last}")
    return done.stdout


def find_experiment(root: Path, name: str) -> str | None:
    """Return the git reference of a DVC experiment, whatever commit it began from; None if there is none."""
    found = git(root, "for-each-ref", "--format=%(refname)", EXPERIMENTS).splitlines()
    return next((reference for reference in found if reference.rpartition("/")[2] == name), None)


def outputs_of(root: Path, reference: str) -> dict[str, str]:
    """Return path -> md5 of all outputs in the dvc.lock of a commit.

    Raises:
        UserError: if there is no such commit, or its dvc.lock is not readable.
    """
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "dvc.lock"
        lock.write_text(git(root, "show", f"{reference}:dvc.lock"), encoding="utf-8")
        stages = read_lock(lock)
    return {out.path: out.md5 for stage in stages.values() for out in stage.outs}
