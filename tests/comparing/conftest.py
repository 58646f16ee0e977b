"""Fixtures of the tests of `complaints compare`."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import compared_project
from support.commands import Ran, run


@pytest.fixture(scope="session")
def made_compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository with tags and an experiment; not to be changed by a test."""
    return compared_project.make(tmp_path_factory.mktemp("made_compared") / "repo")


@pytest.fixture
def compared(made_compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the working directory, without the caller's settings of DVC."""
    for name in [name for name in os.environ if name.startswith("DVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))  # DVC remembers there what remotes have
    root = Path(shutil.copytree(made_compared, tmp_path / "repo", symlinks=True))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def compare(compared: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Ran, str]]:
    """The command, in this process, with few resamples."""
    return lambda *arguments: run(capsys, "compare", *arguments, "--resamples", "300")


@pytest.fixture
def compare_json(compare: Callable[..., tuple[Ran, str]]) -> Callable[..., Any]:
    """The command's JSON; it must succeed."""

    def values(*arguments: str) -> Any:
        ran, out = compare(*arguments, "--format", "json")
        assert (ran.status, ran.err) == (0, "")
        return json.loads(out)

    return values
