"""Fixtures and settings of all tests."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from ruamel.yaml import YAML
from support import compared_project
from support.commands import Ran, run
from support.made_once import made_once
from support.project import Project, copy_project
from support.small_disk import SmallDisk

from complaints import cli
from complaints.backbones.resolve import Backbone

# Every run has the same examples, and examples have no time limit: test machines are busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def made_compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository with tags and an experiment; not to be changed by a test."""
    return made_once(tmp_path_factory, "made_compared", compared_project.make)


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


def build(root: Path) -> None:
    """Run the pipeline of the tiny profile in a copy of the project, and commit its results."""
    project = copy_project(root)
    project.complaints("profile", "tiny")
    ran = project.repro()
    assert len(ran) == len(YAML(typ="safe").load(root / "dvc.yaml")["stages"]), ran
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "tiny")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after one `dvc repro` of the tiny profile, committed; not to be changed by a test.

    Each worker has a copy, since commands write even where they change no result.
    """
    made = Project(made_once(tmp_path_factory, "made_built", build))
    copy = made.clone(tmp_path_factory.mktemp("built") / "project")
    copy.take_runs_of(made)
    return copy


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
def backbone_without_dropout(tmp_path: Path) -> Backbone:
    """A tiny encoder without dropout, whose steps do not depend on the cut of a batch into micro-batches."""
    from support.tiny_models import save_modernbert
    from support.tiny_task import backbone_in

    return backbone_in(save_modernbert(tmp_path / "modernbert"))


@pytest.fixture
def small_disk(workspace: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    """A file system for a folder of the workspace; the test's parameter is the folder and its size in kilobytes."""
    folder, kilobytes = request.param
    disk = SmallDisk(workspace / folder)
    if shutil.which("mount") is None or not disk.mount(kilobytes):
        pytest.skip("this user may not mount a file system")
    yield disk
    disk.unmount()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone) -> Path:
    """A temporary working directory with the splits of a small task and their tokens for the model `net`."""
    from support.tiny_task import tokenize, write_splits

    monkeypatch.chdir(tmp_path)
    write_splits()
    tokenize("net", backbone)
    return tmp_path


@pytest.fixture(scope="session")
def made_mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository after one `dvc repro`, untracked; not to be changed by a test."""
    from support import mini_pipeline

    return made_once(tmp_path_factory, "made_mini", mini_pipeline.make)


@pytest.fixture
def mini(made_mini: Path, tmp_path: Path) -> Path:
    """A copy of the small repository that a test may change."""
    from support import mini_pipeline

    return mini_pipeline.copy(made_mini, tmp_path / "repo")


@pytest.fixture
def in_mini(mini: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy as the working directory, without the caller's settings of DVC and MLflow."""
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(mini)
    return mini


@pytest.fixture
def drawn_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that matplotlib is asked to draw, in order."""
    from matplotlib.text import Text

    texts: list[str] = []
    set_text = Text.set_text

    def collect(self: Text, s: object) -> None:
        texts.append(str(s))
        set_text(self, s)

    monkeypatch.setattr(Text, "set_text", collect)
    return texts


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of the commands as the working directory; neither a model nor a server nor MLflow runs."""
    from support.commands import make_project

    from complaints.tracking import sync as tracking

    def predict(arguments: argparse.Namespace) -> int:
        print(f"±  {arguments.model.path if arguments.model else ''}")
        return 0

    def no_store(*arguments: object) -> None:
        raise RuntimeError("no store in this test")

    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    monkeypatch.setattr(cli, "_predict", predict)
    monkeypatch.setattr(tracking, "connect", no_store)
    monkeypatch.setattr(os, "execv", lambda program, command: sys.exit(0))
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project)
    return project


@pytest.fixture(scope="session")
def made_verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository with every kind of file that verification reads; not to be changed by a test."""
    from support import verified_project

    return verified_project.make(tmp_path_factory.mktemp("made_verified") / "repo")


@pytest.fixture
def verify_here(made_verified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the working directory, without the caller's settings of DVC."""
    for name in [name for name in os.environ if name.startswith("DVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))  # DVC remembers there what remotes have
    root = Path(shutil.copytree(made_verified, tmp_path / "repo", symlinks=True))
    monkeypatch.chdir(root)
    return root
