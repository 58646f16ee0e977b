"""A small repository with complaints to forget."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import withdrawal_project
from support.commands import Ran, run
from support.made_once import made_once


@pytest.fixture(scope="session")
def made_withdrawal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository; not to be changed by a test."""
    return made_once(tmp_path_factory, "made_withdrawal", withdrawal_project.make)


@pytest.fixture(scope="session")
def made_rebuilt(made_withdrawal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository after a withdrawal with near duplicates and `dvc repro`; not to be changed by a test."""

    def rebuild(root: Path) -> None:
        shutil.copytree(made_withdrawal, root, symlinks=True)
        withdrawal_project.forget(root, withdrawal_project.WITHDRAWN, "--near-duplicates")
        withdrawal_project.dvc(root, "repro", "--quiet")
        withdrawal_project.git(root, "add", "-A")
        withdrawal_project.git(root, "commit", "--quiet", "-m", "withdrawn")

    return made_once(tmp_path_factory, "made_rebuilt", rebuild)


def _enter(made: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(root.parent / "site"))
    shutil.copytree(made, root, symlinks=True)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def repo(made_withdrawal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository as the working directory."""
    return _enter(made_withdrawal, tmp_path / "repo", monkeypatch)


@pytest.fixture
def rebuilt(made_rebuilt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the rebuilt repository as the working directory."""
    return _enter(made_rebuilt, tmp_path / "repo", monkeypatch)


@pytest.fixture
def forget(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Ran, str]]:
    """The command, in this process."""
    return lambda *arguments: run(capsys, "forget", *arguments)
