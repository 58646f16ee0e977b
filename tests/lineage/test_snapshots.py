"""Files of a revision: from git, from DVC's cache, from a remote, or one line that says what is missing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import Ran
from support.compared_project import git
from support.mini_pipeline import dvc

from complaints.core.errors import UserError
from complaints.lineage.revisions import resolve
from complaints.lineage.snapshots import Snapshots

Compare = Callable[..., tuple[Ran, str]]


def test_a_revision_is_a_commit_tag_branch_or_experiment(compared: Path) -> None:
    git(compared, "branch", "topic/x", "better")
    commit = resolve("first")
    assert commit == git(compared, "rev-parse", "first").strip()
    assert resolve(commit[:8]) == resolve("first~0") == commit
    assert resolve("topic/x") == resolve("better") != commit
    assert resolve("slower") not in (None, commit)
    assert resolve("nothing") is resolve("first:params.yaml") is resolve("--all") is None


def test_experiments_of_one_name_are_told_apart_by_commits(compared: Path) -> None:
    other = git(compared, "rev-parse", "better").strip()
    git(compared, "update-ref", f"refs/exps/{other[:2]}/{other[2:]}/slower", other)
    with pytest.raises(UserError, match="2 experiments are called slower; name one by its commit"):
        resolve("slower")


def test_a_missing_cache_is_one_line_with_the_way_to_fill_it(compare: Compare, compared: Path) -> None:
    shutil.rmtree(compared / ".dvc/cache")
    ran, _ = compare("first:net", "better:net")
    assert ran.is_one_line
    assert "is not in DVC's cache, and no default remote is configured; run `dvc push --all-commits`" in ran.err
    assert "`git worktree add ../again " in ran.err
    ran, _ = compare("slower:net", "better:net")
    assert "run `dvc exp push origin slower` on the machine that made it" in ran.err
    assert compare("net", "twin")[0].status == 0


def test_a_remote_fills_the_cache_with_what_is_needed(compare: Compare, compared: Path, tmp_path: Path) -> None:
    expected = compare("first:net", "better:net")
    dvc(compared, "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    dvc(compared, "push", "--quiet", "--all-commits")
    shutil.rmtree(compared / ".dvc/cache")
    assert compare("first:net", "better:net") == expected
    brought = {path.name for path in (compared / ".dvc/cache").rglob("*") if path.is_file()}
    there = {path.name for path in (tmp_path / "store").rglob("*") if path.is_file()}
    assert 8 <= len(brought) < len(there)


def test_a_remote_without_the_file_and_one_that_cannot_be_read(
    compare: Compare, compared: Path, tmp_path: Path
) -> None:
    shutil.rmtree(compared / ".dvc/cache")
    dvc(compared, "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    ran, _ = compare("first:net", "better:net")
    assert ran.is_one_line
    assert "and the remote store cannot be read: there is no folder" in ran.err
    (tmp_path / "store").mkdir()
    ran, _ = compare("first:net", "better:net")
    assert ran.is_one_line
    assert "and the remote store does not have it" in ran.err
    dvc(compared, "remote", "add", "--local", "--default", "--force", "store", str(tmp_path / "blocked"))
    (tmp_path / "blocked").write_text("not a folder")
    ran, _ = compare("first:net", "better:net")
    assert ran.is_one_line
    assert "store" in ran.err
    assert "Traceback" not in ran.err


def test_a_damaged_object_is_refused(compare: Compare, compared: Path) -> None:
    with Snapshots() as snapshots:
        past = snapshots.get("better")
        past.bring(Path("predictions/net.parquet"))
        target = (past.root / "predictions/net.parquet").resolve()
    target.chmod(0o644)
    target.write_bytes(target.read_bytes()[:-1] + b"x")
    ran, _ = compare("first:net", "better:net")
    assert ran.is_one_line
    assert f"{target} in DVC's cache is damaged" in ran.err


def test_a_revision_before_the_pipeline_says_what_it_lacks(compare: Compare, compared: Path) -> None:
    git(compared, "checkout", "--quiet", "--orphan", "old")
    git(compared, "rm", "-r", "--quiet", "--cached", ".")
    git(compared, "commit", "--quiet", "--allow-empty", "-m", "nothing")
    git(compared, "add", "params.yaml")
    git(compared, "commit", "--quiet", "-m", "parameters")
    for revision, lacking in (("old~1", "params.yaml"), ("old", "dvc.lock")):
        ran, _ = compare(f"{revision}:net", "net")
        assert ran.is_one_line
        assert f"{revision} has no {lacking}" in ran.err


def test_messages_name_a_broken_file_as_git_does(compare: Compare, compared: Path) -> None:
    (compared / "dvc.lock").write_text("schema: '1.0'\n")
    git(compared, "commit", "--quiet", "-am", "broken")
    ran, _ = compare("main:net", "first:net")
    assert ran.is_one_line
    assert "error: main:dvc.lock: schema is '1.0'" in ran.err
