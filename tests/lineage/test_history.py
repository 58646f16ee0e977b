"""Versions of dvc.lock in git's history, with the names that hold them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.compared_project import git
from support.paths import ROOT

from complaints.core.dvc_lock import read_lock
from complaints.core.errors import UserError
from complaints.core.yaml_text import parse_yaml
from complaints.lineage import history
from complaints.lineage.history import holders, parse, versions


def introduced(root: Path) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return names -> subjects of the introducing commits, of each version."""
    return {
        version.names: tuple(git(root, "log", "-1", "--format=%s", commit).strip() for commit in version.commits)
        for version in versions(root)
    }


def test_every_version_is_found_once_with_its_commits_and_names(compared: Path) -> None:
    found = introduced(compared)
    assert found[("first", "main", "same", "workspace")] == ("first",)
    assert found[("better",)] == ("better",)
    assert found[("other-rows",)] == ("other-rows",)
    assert ("slower",) in found
    assert len(found) == 4


def test_the_stages_of_a_version_are_those_that_its_dvc_lock_has(compared: Path) -> None:
    by_name = {name: version for version in versions(compared) for name in version.names}
    assert by_name["workspace"].lock == read_lock(compared / "dvc.lock")
    git(compared, "checkout", "--quiet", "better")
    assert by_name["better"].lock == read_lock(compared / "dvc.lock")


def test_values_are_those_that_dvc_reads() -> None:
    for file in (ROOT / "dvc.lock", ROOT / "tests/locks/tiny.lock"):
        assert parse(file.read_bytes()) == read_lock(file)
    text = (
        "a: [1, 1e-05, 1.0, on, yes, 12:30, 0o17, 0x1f, ~, null, true, -3, .5, +1, '', .inf, -.inf, 012, '1', 5e5, 1., "
        "1.5E+3, no, text, -]\nb:\n1: x\n"
    )
    import yaml

    from complaints.lineage.yaml12 import Loader

    assert yaml.load(text, Loader) == parse_yaml(text, "text")
    assert [type(value) for value in yaml.load(text, Loader)["a"]] == [type(v) for v in parse_yaml(text, "t")["a"]]


def test_a_changed_dvc_lock_of_the_workspace_is_the_newest_version(compared: Path) -> None:
    text = (compared / "dvc.lock").read_text()
    (compared / "dvc.lock").write_text(text.replace("size: ", "size: 1"))
    newest, second, *_ = versions(compared)
    assert (newest.names, newest.commits) == (("workspace",), ())
    assert "workspace" not in second.names
    assert newest.lock == read_lock(compared / "dvc.lock")


def test_a_merge_introduces_a_version_only_if_neither_side_has_it(compared: Path) -> None:
    git(compared, "merge", "--quiet", "--no-ff", "-m", "merge", "better")
    by_name = {name: version for version in versions(compared) for name in version.names}
    assert by_name["main"] == by_name["better"]
    assert len(by_name["main"].commits) == 1
    text = (compared / "dvc.lock").read_text()
    git(compared, "checkout", "--quiet", "-b", "side", "HEAD^")
    git(compared, "merge", "--quiet", "--no-ff", "--no-commit", "better")
    (compared / "dvc.lock").write_text(text.replace("size: ", "size: 1"))
    git(compared, "commit", "--quiet", "--all", "-m", "evil merge")
    assert introduced(compared)[("side", "workspace")] == ("evil merge",)


def test_versions_that_dvc_did_not_write_are_counted(compared: Path) -> None:
    for text in ("<<<<<<< HEAD\na: 1\n", "stages: [", "schema: '1.0'\nstages: {}\n", "schema: '2.0'\nstages: 3\n", ""):
        (compared / "dvc.lock").write_text(text)
        git(compared, "commit", "--quiet", "--all", "-m", f"broken {text[:3]}")
    git(compared, "checkout", "--quiet", "first")
    found = history.history(compared)
    assert len(found.unreadable) == 5
    assert len(found.versions) == 4
    assert {name for version in found.versions for name in version.names} >= {"HEAD", "first", "workspace"}


def test_a_removed_dvc_lock_and_a_project_in_a_subfolder(compared: Path, tmp_path: Path) -> None:
    git(compared, "rm", "--quiet", "dvc.lock")
    git(compared, "commit", "--quiet", "-m", "removed")
    assert ("first", "same") in introduced(compared)
    inner = tmp_path / "outer/inner"
    shutil.copytree(compared, inner, ignore=shutil.ignore_patterns(".git"))
    git(compared, "checkout", "--quiet", "first")
    shutil.copy(compared / "dvc.lock", inner)
    git(tmp_path / "outer", "init", "--quiet", "--initial-branch=main")
    git(tmp_path / "outer", "add", "-A")
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    git(tmp_path / "outer", *identity, "commit", "--quiet", "-m", "inner")
    (version,) = versions(inner)
    assert version.names == ("main", "workspace")
    assert len(version.commits) == 1


def test_a_shallow_clone_has_the_newest_versions_and_says_so(compared: Path, tmp_path: Path) -> None:
    git(compared, "checkout", "--quiet", "-B", "main", "better")
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{compared}", str(tmp_path / "shallow")], check=True)
    found = history.history(tmp_path / "shallow")
    assert found.shallow
    assert not history.history(compared).shallow
    (version,) = found.versions
    assert "workspace" in version.names
    assert len(version.commits) == 1


def test_without_git_the_workspace_is_the_only_version(compared: Path) -> None:
    shutil.rmtree(compared / ".git")
    (version,) = versions(compared)
    assert (version.names, version.commits) == (("workspace",), ())
    (compared / "dvc.lock").unlink()
    with pytest.raises(UserError, match=r"dvc\.lock is missing"):
        versions(compared)


def test_holders_are_the_versions_with_an_output_of_the_md5(compared: Path) -> None:
    lock = read_lock(compared / "dvc.lock")
    md5 = {out.path: out.md5 for stage in lock.values() for out in stage.outs}
    assert len(holders(compared, md5["data/splits/train.parquet"])) == 3
    assert [version.names for version in holders(compared, md5["predictions/net.parquet"])] == [
        ("first", "main", "same", "workspace")
    ]
    assert holders(compared, "0" * 32) == []
