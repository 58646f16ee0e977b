"""Address and check of the tracking store, and advice where an experiment cannot be used."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from complaints.tracking.store import check_opens, sqlite_file, sqlite_uri, store_of

folder_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(folder_names.filter(lambda name: name not in (".", "..")))
def test_an_address_names_the_same_file_to_sqlalchemy_and_to_the_record(name: str) -> None:
    file = Path("/") / name / "mlflow.db"
    assert make_url(sqlite_uri(file)).database == str(file)
    assert sqlite_file(sqlite_uri(file)) == file


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:////a/b.db", Path("/a/b.db")),
        ("sqlite:////a/b%20c.db?timeout=3", Path("/a/b c.db")),
        ("sqlite:///b.db", Path("b.db").resolve()),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:///file:b.db?uri=true", None),
        ("http://user:secret@localhost:5000", None),
        ("file:///a/mlruns", None),
        ("postgresql:///a", None),
    ],
)
def test_the_file_of_an_address(uri: str, file: Path | None) -> None:
    assert sqlite_file(uri) == file


def test_the_store_of_a_temporary_workspace_is_that_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert store_of(tmp_path / "inner").database == tmp_path.resolve() / "mlflow.db"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="no permission to create files"):
        check_opens(tmp_path / "mlflow.db")


def test_the_check_leaves_a_store_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    check_opens(file)
    assert not file.exists()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (x)")
    before = file.read_bytes(), file.stat()
    check_opens(file)
    assert (file.read_bytes(), file.stat()) == before
