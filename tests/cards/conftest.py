"""A working directory with the inputs of the cards."""

import os
import shutil
from pathlib import Path

import pytest
from support import cards_data


@pytest.fixture(scope="session")
def made_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("cards")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cards_data.write_inputs()
    return folder


@pytest.fixture
def inputs(made_inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them as the working directory."""
    for name in [name for name in os.environ if name.startswith("DVC_")]:
        monkeypatch.delenv(name)
    root = Path(shutil.copytree(made_inputs, tmp_path / "project"))
    monkeypatch.chdir(root)
    return root
