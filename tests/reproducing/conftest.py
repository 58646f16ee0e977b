"""Fixtures of the tests of reproductions."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import reproduced_project
from support.commands import Ran, run
from support.made_once import made_once
from support.paths import SRC

Reproduce = Callable[..., tuple[Ran, str]]


@pytest.fixture(scope="session")
def made_reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository; not to be changed by a test."""
    return made_once(tmp_path_factory, "made_reproduced", reproduced_project.make)


@pytest.fixture
def reproduced(made_reproduced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the working directory, without the caller's settings of DVC."""
    for name in [name for name in os.environ if name.startswith(("DVC_", "PLANTED"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    root = Path(shutil.copytree(made_reproduced, tmp_path / "repo", symlinks=True))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def reproduce(reproduced: Path, capsys: pytest.CaptureFixture[str]) -> Reproduce:
    """The command on the present packages, in this process."""
    return lambda *arguments: run(capsys, "reproduce", *arguments, "--this-environment")
