"""Facts from git about the project."""

import subprocess
from pathlib import Path


def git(root: Path, *arguments: str) -> str | None:
    """Return the output of a git command, None outside a repository or without git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
