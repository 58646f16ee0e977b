"""A remote of DVC on a real S3 server on loopback, and commands that answer from it with an empty cache."""

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import row_project
from support.commands import Ran, run
from support.compared_project import git
from support.mini_pipeline import dvc
from support.mlflow_runs import free_port
from support.project import Project
from support.s3_server import BUCKET, CREDENTIALS, Bucket, s3_server

from complaints.core.dvc_lock import hash_path
from complaints.lineage.git import experiments

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("moto", "boto3", "dvc_s3")),
    reason="moto, boto3 or dvc-s3 is not installed; `pip install -r requirements-dev.txt -c constraints.txt`",
)

Ask = Callable[..., tuple[Ran, str]]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """The bucket of a server of this module's tests."""
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture(autouse=True)
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as a user gives them; DVC does not remember what earlier tests had on their remotes."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "DVC_"))]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """A command of the command line, in this process."""
    return lambda *arguments: run(capsys, *arguments)


def push(bucket: Bucket, root: Path) -> str:
    """Push all versions of a project, empty its cache, and return the folder in the bucket."""
    folder = root.parent.name
    bucket.add_remote(root, folder)
    dvc(root, "push", "--quiet", "--all-commits")
    shutil.rmtree(root / ".dvc/cache")
    return folder


def object_of(folder: str, md5: str | None) -> str:
    """Return the key of an object of DVC."""
    assert md5 is not None
    return f"{folder}/files/md5/{md5[:2]}/{md5[2:]}"


def test_what_is_pushed_comes_back_bit_for_bit(bucket: Bucket, in_mini: Path, ask: Ask) -> None:
    folder = push(bucket, in_mini)
    assert object_of(folder, hash_path(in_mini, "models/a")) in bucket.keys(folder)
    for output in ("data/raw/complaints.parquet", "data/splits", "data/tokens", "models", "predictions"):
        shutil.rmtree(in_mini / output) if (in_mini / output).is_dir() else (in_mini / output).unlink()
    dvc(in_mini, "pull", "--quiet")
    ran, printed = ask("trace", "models/a", "--verify")
    assert ran.status == 0, ran.err
    assert "yes: every hash, parameter and link" in printed


def test_a_changed_object_of_the_remote_is_found_after_a_pull(bucket: Bucket, in_mini: Path, ask: Ask) -> None:
    folder = push(bucket, in_mini)
    key = object_of(folder, hash_path(in_mini, "data/splits/train.parquet"))
    content = bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=content[:-1] + bytes([content[-1] ^ 1]))
    shutil.rmtree(in_mini / "data/splits")
    dvc(in_mini, "pull", "--quiet", "data/splits/train.parquet")
    ran, printed = ask("trace", "models/a", "--verify")
    assert ran.status == 1
    assert "data/splits/train.parquet is not what split wrote" in printed


def test_compare_reads_both_sides_from_the_remote(bucket: Bucket, compared: Path, ask: Ask) -> None:
    question = ("compare", "first:net", "better:net", "--resamples", "300")
    expected = ask(*question)
    push(bucket, compared)
    assert ask(*question) == expected
    assert list((compared / ".dvc/cache").rglob("*"))


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small repository with rows in several versions, as the working directory.

    A branch holds its experiment, since `dvc push --all-commits` pushes what branches and tags lead to.
    """
    root = row_project.make(tmp_path / "repo")
    (experiment,) = experiments(root, "near").values()
    git(root, "branch", "of-the-experiment", experiment)
    monkeypatch.chdir(root)
    return root


def test_rows_seen_and_diff_data_answer_from_the_remote(bucket: Bucket, versions: Path, ask: Ask) -> None:
    questions = [
        ("seen", "r2", "--json"),
        ("diff-data", "first", "relabelled", "--json"),
        ("rows", "models/net", "--rev", "first", "--json"),
    ]
    expected = [ask(*question) for question in questions]
    assert [ran.status for ran, _ in expected] == [0, 0, 0]
    push(bucket, versions)
    shutil.rmtree(versions / "scratch", ignore_errors=True)  # the index of rows
    assert [ask(*question) for question in questions] == expected
    assert json.loads(expected[0][1])


def test_verify_reads_every_object_of_the_remote(bucket: Bucket, verify_here: Path, ask: Ask) -> None:
    bucket.add_remote(verify_here, verify_here.parent.name)
    dvc(verify_here, "push", "--quiet")
    assert ask("verify", "--remote", "store")[0].status == 0
    key = object_of(verify_here.parent.name, hash_path(verify_here, "predictions/net.parquet"))
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=b"something else")
    ran, printed = ask("verify", "--remote", "store")
    assert ran.status == 1
    assert "predictions/net.parquet" in printed


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_one_line(bucket: Bucket, compared: Path, ask: Ask) -> None:
    push(bucket, compared)
    Bucket(f"http://127.0.0.1:{free_port()}").add_remote(compared, "somewhere")
    ran, _ = ask("compare", "first:net", "better:net")
    assert ran.is_one_line
    assert "the remote store cannot be read" in ran.err


@pytest.mark.slow
def test_a_project_is_shared_through_the_remote(bucket: Bucket, project: Project, tmp_path: Path) -> None:
    push(bucket, project.root)
    project.run("git", "commit", "--quiet", "--allow-empty", "-m", "shared")
    project.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    bucket.add_remote(clone.root, project.root.parent.name)
    clone.run("dvc", "pull", "--quiet")
    assert "holds       yes" in clone.complaints("trace", "models/minilm", "--verify").stdout
    assert "up to date" in clone.run("dvc", "status").stdout
