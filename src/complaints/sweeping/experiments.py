"""Experiments of a sweep, found in git."""

import tempfile
from pathlib import Path

from complaints.core.dvc_lock import read_lock
from complaints.lineage.git import experiments, run_git


def find_experiment(root: Path, name: str) -> str | None:
    """Return the git reference of a DVC experiment, the first of several; None if there is none."""
    return next(iter(experiments(root, name)), None)


def outputs_of(root: Path, reference: str) -> dict[str, str]:
    """Return path -> md5 of all outputs in the dvc.lock of a commit.

    Raises:
        UserError: if there is no such commit, or its dvc.lock is not readable.
    """
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "dvc.lock"
        lock.write_text(run_git(root, "show", f"{reference}:dvc.lock"), encoding="utf-8")
        stages = read_lock(lock)
    return {out.path: out.md5 for stage in stages.values() for out in stage.outs}
