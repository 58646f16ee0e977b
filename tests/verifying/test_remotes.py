"""Objects on a remote, read through DVC's file systems."""

import subprocess
from pathlib import Path

import pytest
from support.files import flip_byte
from support.mini_pipeline import dvc, environment
from support.verified_project import found, verified

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError


@pytest.fixture
def store(verify_here: Path) -> Path:
    """A remote in a folder, to which everything was pushed."""
    folder = verify_here.parent / "store"
    dvc(verify_here, "remote", "add", "--local", "store", str(folder))
    dvc(verify_here, "push", "--quiet", "--remote", "store")
    return folder


def object_of(store: Path, md5: str | None) -> Path:
    assert md5 is not None
    return store / "files/md5" / md5[:2] / md5[2:]


def test_what_was_pushed_is_on_the_remote(store: Path) -> None:
    assert found(verified(remote="store")) == []


@pytest.mark.parametrize("path", ["models/net", "models/net/model.safetensors", "predictions/net.parquet"])
@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "damaged"])
def test_a_lost_or_damaged_object_is_found_and_mended(store: Path, path: str, is_lost: bool) -> None:
    file = object_of(store, hash_path(Path("."), path))
    file.unlink() if is_lost else flip_byte(file)
    (finding,) = verified(remote="store").findings
    assert (finding.problem.kind, finding.problem.path) == ("remote", path)
    assert str(file) in finding.problem.message
    commands = [command.replace("dvc ", "python -m dvc ") for command in finding.mend.split("`")[1::2]]
    subprocess.run(["bash", "-ec", "\n".join(commands)], env=environment(), check=True, capture_output=True)
    assert found(verified(remote="store")) == []


def test_a_remote_without_anything_lacks_every_output(verify_here: Path) -> None:
    folder = verify_here.parent / "empty"
    dvc(verify_here, "remote", "add", "--local", "empty", str(folder))
    with pytest.raises(UserError, match="the remote empty cannot be read: there is no folder"):
        verified(remote="empty")
    folder.mkdir()
    result = verified(remote="empty")
    assert {finding.problem.kind for finding in result.findings} == {"remote"}
    assert len(result.findings) > 20


def test_an_unknown_remote_is_refused_with_the_known_ones(store: Path) -> None:
    with pytest.raises(UserError, match="there is no remote 'other'; there are: store"):
        verified(remote="other")


def test_a_remote_that_cannot_be_reached_is_refused_in_one_line(verify_here: Path) -> None:
    dvc(verify_here, "remote", "add", "--local", "web", "http://127.0.0.1:9/objects")
    with pytest.raises(UserError, match="the remote web cannot be read"):
        verified(remote="web")


def test_outputs_of_a_revision_come_from_the_default_remote_where_the_cache_lacks_them(store: Path) -> None:
    dvc(Path("."), "remote", "default", "--local", "store")
    for file in [path for path in Path(".dvc/cache").rglob("*") if path.is_file()]:
        file.unlink()
    assert {kind for kind, _ in found(verified(cache=True, revision="HEAD"))} >= {"object", "missing"}
    assert found(verified(revision="HEAD")) == []
    assert found(verified(cache=True)) == []
