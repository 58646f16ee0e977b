"""Address and check of the tracking store, and advice where an experiment cannot be used."""

import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url
from support import mini_pipeline
from support.mlflow_runs import ON, TRACKED, client_of, names, runs

from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import sync
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


def warning_within_five_seconds(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the warning of a `sync` that cannot open its store."""
    client_of(root, "sqlite:///:memory:")  # the import of MLflow is not counted
    start = time.monotonic()
    assert sync(root, ON) == []
    assert time.monotonic() - start < 5
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_folder_in_place_of_the_store_is_reported_within_five_seconds(
    in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (in_mini / "mlflow.db").mkdir()
    warning = warning_within_five_seconds(in_mini, capsys)
    assert "unable to open database file" in warning
    assert str(in_mini / "mlflow.db") in warning
    assert "once this is solved, `complaints track` logs what is missing" in warning


def test_a_file_of_another_format_is_reported_within_five_seconds(
    in_mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (in_mini / "mlflow.db").write_text("text " * 1000)
    assert "file is not a database" in warning_within_five_seconds(in_mini, capsys)


def test_a_locked_store_is_reported_within_five_seconds(in_mini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sync(in_mini, ON)
    shutil.rmtree(in_mini / "scratch")
    with closing(sqlite3.connect(in_mini / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "database is locked" in warning_within_five_seconds(in_mini, capsys)
    assert sync(in_mini, ON) == []
    assert capsys.readouterr().err == ""


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


def run_advice(warning: str, beginning: str) -> None:
    """Run a command that a warning quotes."""
    quoted = next(part for part in warning.split("`") if beginning in part)
    variable, _, command = quoted.partition(" ")
    name, _, value = variable.partition("=")
    program = [sys.executable, "-m", *shlex.split(command)]
    subprocess.run(program, env=mini_pipeline.environment(**{name: value}), check=True, input="y\n", text=True)


@pytest.mark.slow
@pytest.mark.parametrize("advice", ["experiments restore", "gc"])
def test_a_deleted_experiment_is_reported_with_commands_that_help(
    in_mini: Path, capsys: pytest.CaptureFixture[str], advice: str
) -> None:
    sync(in_mini, ON)
    client = client_of(in_mini)
    client.delete_experiment(client.get_experiment_by_name("mini").experiment_id)
    assert sync(in_mini, ON) == []
    warning = capsys.readouterr().err
    assert "experiment 'mini' was deleted" in warning
    assert "another tracking.experiment in params.yaml" in warning
    assert "complaints track" not in warning
    run_advice(warning, advice)
    assert sorted(sync(in_mini, ON)) == ([] if advice == "experiments restore" else TRACKED)
    assert names(in_mini) == TRACKED


def test_another_experiment_can_be_named_after_one_was_deleted(in_mini: Path) -> None:
    sync(in_mini, ON)
    client = client_of(in_mini)
    client.delete_experiment(client.get_experiment_by_name("mini").experiment_id)
    assert sorted(sync(in_mini, TrackingParams(enabled=True, experiment="mini 2"))) == TRACKED


def test_a_moved_project_keeps_its_history(
    in_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sync(in_mini, ON)
    moved = Path(shutil.move(in_mini, tmp_path / "moved here"))
    monkeypatch.chdir(moved)
    assert sync(moved, ON) == []
    warning = capsys.readouterr().err
    assert f"keeps its artifacts in {(in_mini / 'mlartifacts').as_uri()}" in warning
    assert f"the project is now in {moved}" in warning
    assert "mlflow.db to" not in warning
    run_advice(warning, "experiments rename")
    assert sorted(sync(moved, ON)) == TRACKED
    assert [run.info.run_name for run in runs(moved, experiment="mini-old")] == TRACKED
    assert not in_mini.exists()
