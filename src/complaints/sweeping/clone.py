"""Clone of the project in which the experiments of a sweep run, one after the other.

`dvc exp run` works in the user's files: for a moment it detaches HEAD, writes params.yaml and resets the workspace,
also with --temp and --queue. An experiment in a clone leaves them alone, so that they can be edited during a sweep, all
experiments are of one commit, and a process killed at any moment leaves nothing to repair: the clone is made anew. It
shares DVC's cache with the project, whose git fetches the finished experiments.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from complaints.core.orphans import PR_SET_PDEATHSIG
from complaints.core.paths import SCRATCH
from complaints.lineage.git import run_git
from complaints.sweeping.experiments import find_experiment
from complaints.tracking.store import ROOT_VARIABLE


class Clone:
    """A clone at the commit of the project, made when the first experiment runs."""

    def __init__(self, root: Path, folder: Path, cache: Path, sources: list[str]) -> None:
        """Describe the clone.

        Args:
            root: The project.
            folder: Working files of the sweep; the clone and the logs are in it.
            cache: DVC's cache of the project.
            sources: Inputs of the pipeline; those that git does not track are linked.
        """
        self._root, self._cache, self._sources = root.resolve(), cache, sources
        self._path = folder.resolve() / "clone"
        self._ready = False

    def _make(self) -> None:
        """Make the clone anew; checkpoints from which a killed training resumes are outside of it."""
        # A stage of a killed sweep may still write for a moment: a renamed folder is out of the way at once.
        old = self._path.with_name("old")
        shutil.rmtree(old, ignore_errors=True)
        if self._path.exists():
            self._path.rename(old)
        run_git(self._root, "clone", "--quiet", "--no-checkout", str(self._root), str(self._path))
        for key in ("user.name", "user.email"):
            if value := run_git(self._root, "config", "--default", "", "--get", key).strip():
                run_git(self._path, "config", key, value)
        run_git(self._path, "checkout", "--quiet", "--detach", run_git(self._root, "rev-parse", "HEAD").strip())
        (self._path / ".dvc/config.local").write_text(f"[cache]\n    dir = {self._cache}\n", encoding="utf-8")
        links = {source: self._root / source for source in self._sources}
        links[SCRATCH.as_posix()] = self._path.with_name("checkpoints")
        links[SCRATCH.as_posix()].mkdir(exist_ok=True)
        for link, target in links.items():
            if target.exists() and not (self._path / link).exists():
                (self._path / link).parent.mkdir(parents=True, exist_ok=True)
                (self._path / link).symlink_to(target)
        shutil.rmtree(old, ignore_errors=True)
        # Outputs that the cache lacks are made by the first experiment.
        self._dvc(["checkout", "--quiet", "--allow-missing"], self._path.with_name("checkout.log"))
        self._ready = True

    def run(self, name: str, values: dict[str, str]) -> str | None:
        """Run the pipeline with other values as the experiment `name`, and fetch it into the project.

        Args:
            name: Name of the experiment; one of this name is replaced.
            values: Dotted key of params.yaml -> value, in the syntax of `dvc exp run -S`.

        Returns:
            None, or the line that says why it failed.

        Raises:
            UserError: if git fails.
        """
        if not self._ready:
            self._make()
        run_git(self._path, "reset", "--quiet", "--hard")
        if earlier := find_experiment(self._path, name):
            run_git(self._path, "update-ref", "-d", earlier)  # `dvc exp run --force` would run every stage again
        log = self._path.with_name(f"{name}.log")
        settings = [argument for key, value in values.items() for argument in ("-S", f"{key}={value}")]
        status = self._dvc(["exp", "run", "--name", name, *settings], log)
        reference = find_experiment(self._path, name)
        if status == 0 and reference is not None:
            run_git(
                self._root, "fetch", "--quiet", "--no-write-fetch-head", str(self._path), f"+{reference}:{reference}"
            )
            return None
        return _reason(log, status, self._path)

    def _dvc(self, arguments: list[str], log: Path) -> int:
        """Run DVC in the clone and return its exit status; it ends together with this process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
        # An editable installation would lead the stages to the code of the workspace, not to that of the commit.
        code = os.pathsep.join(filter(None, [str(self._path / "src"), os.environ.get("PYTHONPATH")]))
        environment = kept | {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": code, ROOT_VARIABLE: str(self._root)}
        with open(log, "w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "dvc", *arguments],
                cwd=self._path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent(),
            )
            try:
                return process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()

    def remove(self) -> None:
        """Remove the clone with its outputs, and the checkpoints; logs stay."""
        for folder in ("clone", "old", "checkpoints"):
            shutil.rmtree(self._path.with_name(folder), ignore_errors=True)


def _die_with_parent() -> Any:
    """Return a function for the child to call, so that Linux ends it with this process; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _reason(log: Path, status: int, clone: Path) -> str:
    """Return the line of a log that says why an experiment failed: that of the stage, else that of DVC."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = [line for start in ("error: ", "ERROR: ") for line in lines if line.startswith(start)] or lines[-1:]
    first = (said or [f"dvc exp run exited with {status}"])[0]
    return first.removeprefix("error: ").removeprefix("ERROR: ").replace(f"{clone}/", "")
