"""Working directory of the tests of init."""

from pathlib import Path

import pytest
from support.paths import ROOT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without outputs as the working directory."""
    project = tmp_path / "project"
    for source in [
        ROOT / "params.yaml",
        ROOT / "dvc.yaml",
        *(ROOT / "profiles").glob("*.yaml"),
        *(ROOT / "data").glob("*.yaml"),
    ]:
        target = project / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    monkeypatch.chdir(project)
    return project
