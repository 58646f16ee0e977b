"""Copy of the project as a separate repository in a temporary folder."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from support.paths import ROOT


@dataclass(frozen=True)
class Project:
    """A repository in a temporary folder, and the commands of its user."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return an environment with this copy of the package and without the caller's settings of DVC and MLflow."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
        return kept | {"PATH": path, "PYTHONPATH": str(self.root / "src"), "DVC_NO_ANALYTICS": "1"}

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command at the root and return the finished process, with stdout and stderr in one text."""
        result = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited with {result.returncode}:\n{result.stdout}")
        return result

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro` and return the names of the stages that were executed."""
        output = self.run("dvc", "repro", *arguments).stdout
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]

    def start_repro(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start `dvc repro` in a new process group, which the test kills."""
        return subprocess.Popen(
            ["dvc", "repro"],
            cwd=self.root,
            env=self.environment | environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def complaints(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `complaints` command."""
        return self.run(sys.executable, "-m", "complaints", *arguments, check=check)

    def set_param(self, old: str, new: str) -> None:
        """Replace a text that occurs once in params.yaml."""
        text = (self.root / "params.yaml").read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        (self.root / "params.yaml").write_text(text.replace(old, new))

    def lock(self) -> str:
        """Return the text of dvc.lock."""
        return (self.root / "dvc.lock").read_text()

    def take_runs_of(self, other: "Project") -> None:
        """Let MLflow's experiments, copied with the folder of another project, keep their artifacts in this one."""
        with closing(sqlite3.connect(self.root / "mlflow.db")) as store, store:
            moved = (str(other.root), str(self.root))
            store.execute("UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", moved)

    def clone(self, target: Path) -> "Project":
        """Copy the folder with outputs and cache."""
        shutil.copytree(self.root, target, symlinks=True)
        return Project(target)


def copy_project(target: Path) -> Project:
    """Copy the project's files, without outputs and caches, to `target` and commit them to a new repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    project = Project(target)
    project.run("git", "init", "-q")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "config", "user.name", "Test")
    # The project under test must not use the cache of the original.
    (target / ".dvc" / "config.local").write_text("[cache]\n    dir = cache\n")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "start")
    return project
