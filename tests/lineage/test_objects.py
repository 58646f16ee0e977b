"""Objects by md5 from DVC's cache and from remotes by name."""

import shutil
from pathlib import Path

import pytest
from support.compared_project import git
from support.files import flip_byte
from support.mini_pipeline import dvc

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.lineage.history import versions
from complaints.lineage.objects import Objects


@pytest.fixture
def old(compared: Path) -> dict[str, str]:
    """Path -> md5 of the outputs at the tag `better`, which is not checked out."""
    (version,) = (version for version in versions(compared) if "better" in version.names)
    return {out.path: out.md5 for stage in version.lock.values() for out in stage.outs}


def test_a_file_and_a_member_of_a_folder_are_read_by_hash(compared: Path, old: dict[str, str]) -> None:
    objects = Objects(compared)
    md5 = old["predictions/net.parquet"]
    assert file_digest(objects.file(md5), "md5") == md5 != file_digest(compared / "predictions/net.parquet", "md5")
    folder = old["models/net"]
    assert objects.file(folder, "training.json").read_text().startswith("{")
    assert list(objects.folders([folder])[folder]) == ["training.json"]
    with pytest.raises(UserError, match=r"has no weights; it has training\.json"):
        objects.file(folder, "weights")
    assert git(compared, "status", "--porcelain") == ""


def test_an_absent_object_is_one_line(compared: Path) -> None:
    assert Objects(compared).available(["0" * 32]) == {}
    for md5, member in (("0" * 32, None), ("0" * 32 + ".dir", "a")):
        with pytest.raises(UserError, match="not in DVC's cache, and no default remote is configured; run `dvc push"):
            Objects(compared).file(md5, member)


def test_a_remote_is_chosen_by_name(compared: Path, old: dict[str, str], tmp_path: Path) -> None:
    dvc(compared, "remote", "add", "--local", "--default", "empty", str(tmp_path / "empty"))
    dvc(compared, "remote", "add", "--local", "full", str(tmp_path / "full"))
    dvc(compared, "push", "--quiet", "--all-commits", "--remote", "full")
    (tmp_path / "empty").mkdir()
    shutil.rmtree(compared / ".dvc/cache")
    md5, folder = old["predictions/net.parquet"], old["models/net"]
    with pytest.raises(UserError, match="the remote empty does not have it"):
        Objects(compared).file(md5)
    with pytest.raises(UserError, match="there is no remote 'other'; there are: empty, full"):
        Objects(compared, "other").file(md5)
    assert file_digest(Objects(compared, "full").file(md5), "md5") == md5
    assert Objects(compared, "full").file(folder, "training.json").is_file()
    shutil.rmtree(compared / ".dvc/cache")
    shutil.rmtree(tmp_path / "full")
    with pytest.raises(UserError, match="the remote full cannot be read: there is no folder"):
        Objects(compared, "full").file(md5)


def test_a_damaged_object_is_refused(compared: Path, old: dict[str, str]) -> None:
    objects = Objects(compared)
    for md5 in (old["predictions/net.parquet"], old["models/net"]):
        path = objects.path(md5)
        path.chmod(0o644)
        flip_byte(path)
        with pytest.raises(UserError, match=f"{path} in DVC's cache is damaged"):
            objects.available([md5])
