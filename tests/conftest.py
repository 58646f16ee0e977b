"""Fixtures and settings of all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from support.project import Project, copy_project

from complaints.backbones.resolve import Backbone

# The same examples in every run, and no time limit on one: machines that run tests are busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Project:
    """The project after one `dvc repro` of the tiny profile, committed; not to be changed by a test."""
    project = copy_project(tmp_path_factory.mktemp("built") / "project")
    project.complaints("profile", "tiny")
    ran = project.repro()
    assert len(ran) == 10, ran
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "tiny")
    return project


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project that a test may change."""
    return built.clone(tmp_path / "project")


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """A tiny encoder with random weights; not to be changed by a test."""
    from support.tiny_models import save_bert
    from support.tiny_task import backbone_in

    return backbone_in(save_bert(tmp_path_factory.mktemp("bert")))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone) -> Path:
    """A folder to work in, with the splits of a small task and their tokens for the model `net`."""
    from support.tiny_task import tokenize, write_splits

    monkeypatch.chdir(tmp_path)
    write_splits()
    tokenize("net", backbone)
    return tmp_path


@pytest.fixture(scope="session")
def made_mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository after one `dvc repro`, untracked; not to be changed by a test."""
    from support import mini_pipeline

    return mini_pipeline.make(tmp_path_factory.mktemp("made_mini") / "repo")


@pytest.fixture
def mini(made_mini: Path, tmp_path: Path) -> Path:
    """A copy of the small repository that a test may change."""
    from support import mini_pipeline

    return mini_pipeline.copy(made_mini, tmp_path / "repo")


@pytest.fixture
def in_mini(mini: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy as working directory, without the caller's settings of DVC and MLflow."""
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(mini)
    return mini
