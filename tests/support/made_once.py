"""Folders that the workers of one test run share: the first one that needs a folder makes it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder `name/repo`, which `make` fills once in a run of pytest; not to be changed by a test.

    Workers of pytest-xdist wait for the one that makes it; if that one fails, the next one starts again.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = shared / name / "repo", shared / name / "made"
    with FileLock(shared / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(shared / name, ignore_errors=True)
            (shared / name).mkdir()
            make(folder)
            made.touch()
    return folder
