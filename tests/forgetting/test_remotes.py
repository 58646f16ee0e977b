"""Remotes: their objects are listed, searched and removed by name; what dvc.lock needs stays there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import Ran
from support.mini_pipeline import dvc
from support.withdrawal_project import WITHDRAWN, git

Forget = Callable[..., tuple[Ran, str]]
CACHE = Path(".dvc/cache/files/md5")


def names(folder: Path) -> set[str]:
    """Return the md5s of the objects of a cache or a remote."""
    return {path.parent.name + path.name for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def store(repo: Path, forget: Forget) -> Path:
    """The folder of a remote with all objects of the time before the withdrawal; the data are rebuilt."""
    store = repo.parent / "store"
    dvc(repo, "remote", "add", "--default", "shared", str(store))
    dvc(repo, "push", "--quiet", "--all-commits")
    _, out = forget(WITHDRAWN, "--near-duplicates")
    assert "shared: " in out
    assert "`complaints forget --purge --remote shared` removes them" in out
    dvc(repo, "repro", "--quiet")
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "withdrawn")
    dvc(repo, "push", "--quiet")
    return store / "files/md5"


@pytest.mark.slow
def test_a_remote_is_purged_when_it_is_named(repo: Path, store: Path, forget: Forget) -> None:
    before = names(store)
    ran, out = forget("--purge", "--yes")
    assert ran.status == 0
    assert names(store) == before
    assert "shared: " not in out.split("Removed")[1].split("Proof")[0]
    gone = before - names(CACHE)
    assert gone
    ran, out = forget("--purge", "--yes", "--remote", "shared")
    assert ran.status == 0, ran.err
    assert "remote shared: " in out
    assert not gone & names(store)
    for path in (CACHE, Path("data/raw/complaints.parquet"), Path("data/splits"), Path("models")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    dvc(repo, "pull", "--quiet")
    assert dvc(repo, "status").strip() == "Data and pipelines are up to date."


@pytest.mark.slow
def test_a_remote_that_cannot_be_reached_is_named(repo: Path, store: Path, forget: Forget) -> None:
    dvc(repo, "remote", "add", "far", "http://127.0.0.1:9/store")
    git(repo, "commit", "--quiet", "-am", "remote")
    ran, out = forget("--purge", "--yes", "--remote", "far", "--certificate", "done.md")
    assert ran.status == 0, ran.err
    assert "remote far (http://127.0.0.1:9/store): " in out
    assert "remote far (http://127.0.0.1:9/store): " in Path("done.md").read_text().split("### Not reached")[1]


def test_an_unknown_remote_is_refused(repo: Path, forget: Forget) -> None:
    ran, _ = forget(WITHDRAWN, "--remote", "nowhere")
    assert ran.is_one_line
    assert "no remote nowhere" in ran.err
