"""Fixtures of the tests of rows in old versions."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import row_project
from support.commands import Ran, run
from support.made_once import made_once


@pytest.fixture(scope="session")
def made_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository with four tags and an experiment; not to be changed by a test."""
    return made_once(tmp_path_factory, "made_versions", row_project.make)


@pytest.fixture
def repo(made_versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the working directory, without the caller's settings of DVC."""
    for name in [name for name in os.environ if name.startswith("DVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    root = Path(shutil.copytree(made_versions, tmp_path / "repo", symlinks=True))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Ran, str]]:
    """A command of the command line, in this process."""
    return lambda *arguments: run(capsys, *arguments)
