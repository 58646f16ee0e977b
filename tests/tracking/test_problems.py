"""Problems of MLflow: one line each, within seconds, with a way out that works."""

import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from support import mini_pipeline
from support.mlflow_runs import ON, TRACKED, client_of, stages, sync_in_a_new_process
from support.small_disk import SmallDisk

from complaints.core.errors import UserError
from complaints.tracking.mlflow_client import DEFAULTS
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_history, log_stage, start_run
from complaints.tracking.store import LOCK_SECONDS, sqlite_uri
from complaints.tracking.sync import sync


def problem_of(root: Path) -> str:
    """Return the one line of a `sync` that fails."""
    with pytest.raises(UserError) as caught:
        sync(root, ON)
    message = str(caught.value)
    assert message.startswith("not logged to MLflow")
    assert "\n" not in message
    return message


def run_advice(message: str, beginning: str) -> None:
    """Run the command that a message quotes, in a shell as its reader does."""
    command = next(part for part in message.split("`") if beginning in part)
    python = f"{shlex.quote(sys.executable)} -m mlflow"
    command = re.sub(r"(^| )mlflow (?=experiments|gc|db)", lambda found: f"{found[1]}{python} ", command)
    subprocess.run(command, shell=True, env=mini_pipeline.environment(), check=True, input="y\n", text=True)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no wait between two attempts pass: nothing may be tried again."""

    def sleep(seconds: float) -> None:
        raise AssertionError(f"waited for {seconds} seconds")

    monkeypatch.setattr(time, "sleep", sleep)


def _folder(database: Path) -> None:
    database.mkdir()


def _text(database: Path) -> None:
    database.write_text("text " * 1000)


def _cut_off(database: Path) -> None:
    """Leave a store as a killed MLflow does: with some of its tables."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE experiments (experiment_id INTEGER)")


def _damaged(database: Path) -> None:
    sync_in_a_new_process(database.parent)
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40960)


def _newer(database: Path) -> None:
    sync_in_a_new_process(database.parent)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")


def _newer_with_other_tables(database: Path) -> None:
    _newer(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DROP TABLE webhooks")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_folder, "it is a folder, not a file"),
        (_text, "it is not an sqlite file"),
        pytest.param(_cut_off, "MLflow cannot open it", marks=pytest.mark.slow),
        pytest.param(_damaged, "the file is damaged", marks=pytest.mark.slow),
        pytest.param(_newer, "a newer MLflow than", marks=pytest.mark.slow),
        pytest.param(_newer_with_other_tables, "a newer MLflow than", marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_is_not_a_store_of_this_mlflow_can_be_moved_away(
    in_mini: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(in_mini / "mlflow.db")
    shutil.rmtree(in_mini / "scratch", ignore_errors=True)
    message = problem_of(in_mini)
    assert words in message
    assert str(in_mini / "mlflow.db") in message
    run_advice(message, "mv ")
    assert sync_in_a_new_process(in_mini)["logged"] == TRACKED
    assert (in_mini / "mlflow.db-old").exists()


def test_a_file_is_moved_away_to_a_free_name(in_mini: Path) -> None:
    for _ in range(2):
        (in_mini / "mlflow.db").write_text("text " * 1000)
        run_advice(problem_of(in_mini), "mv ")
    assert {"mlflow.db-old", "mlflow.db-old2"} <= {path.name for path in in_mini.iterdir()}


@pytest.mark.slow
def test_a_store_of_an_older_mlflow_can_be_upgraded(in_mini: Path) -> None:
    """A store without the newest tables is upgraded by MLflow itself; one with all tables needs a command."""
    older = "bda7b8c39065"  # a migration of MLflow before its newest
    sync_in_a_new_process(in_mini)
    shutil.rmtree(in_mini / "scratch")
    with closing(sqlite3.connect(in_mini / "mlflow.db")) as connection, connection:
        (newest,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute(f"UPDATE alembic_version SET version_num = '{older}'")
    message = problem_of(in_mini)
    assert "an older MLflow made it; copy it as a backup, run `mlflow db upgrade sqlite" in message
    with closing(sqlite3.connect(in_mini / "mlflow.db")) as connection, connection:
        connection.execute(f"UPDATE alembic_version SET version_num = '{newest}'")
    run_advice(message, "db upgrade")
    assert sync(in_mini, ON) == []
    assert stages(in_mini) == TRACKED


def test_a_locked_store_is_free_later(in_mini: Path) -> None:
    assert LOCK_SECONDS < 5
    sync(in_mini, ON)
    shutil.rmtree(in_mini / "scratch")
    with closing(sqlite3.connect(in_mini / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "another process has locked it; once that process has ended, run `complaints track`" in problem_of(
            in_mini
        )
    assert sync(in_mini, ON) == []


@pytest.fixture
def disk(tmp_path: Path, in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """A small file system with the store that MLFLOW_TRACKING_URI names."""
    small = SmallDisk(tmp_path / "disk")
    if shutil.which("mount") is None or not small.mount(300):
        pytest.skip("this user may not mount a file system")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri(small.folder / "mlflow.db"))
    yield small
    small.unmount()


def test_a_store_that_does_not_fit_on_the_disk_is_created_after_space_is_freed(in_mini: Path, disk: SmallDisk) -> None:
    for _ in range(2):
        assert "the disk is full; free some space, then run `complaints track`" in problem_of(in_mini)
        assert list(disk.folder.iterdir()) == []
    disk.grow()
    assert sorted(sync(in_mini, ON)) == TRACKED


def test_a_store_on_a_full_disk_is_written_after_space_is_freed(in_mini: Path, disk: SmallDisk) -> None:
    disk.grow()
    assert sorted(sync(in_mini, ON)) == TRACKED
    filler = disk.folder / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(64 << 20))
    other = TrackingParams(enabled=True, experiment="other")
    with pytest.raises(UserError, match="the disk is full; free some space, then run `complaints track`"):
        sync(in_mini, other)
    filler.unlink()
    assert sorted(sync(in_mini, other)) == TRACKED


@pytest.mark.parametrize("with_store", [True, False])
def test_a_read_only_store_can_be_made_writable_or_be_another(
    in_mini: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, with_store: bool
) -> None:
    disk.grow()
    if with_store:
        sync_in_a_new_process(in_mini)
        shutil.rmtree(in_mini / "scratch")
        shutil.copy2(in_mini / "mlflow.db", disk.folder)
    subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
    message = problem_of(in_mini)
    assert "it cannot be written (" in message
    assert "make it and its folder writable, or set MLFLOW_TRACKING_URI" in message
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{in_mini}/other.db")
    assert sorted(sync(in_mini, ON)) == TRACKED
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri(disk.folder / "mlflow.db"))
    subprocess.run(["mount", "-o", "remount,rw", str(disk.folder)], check=True)
    assert sorted(sync(in_mini, ON)) == ([] if with_store else TRACKED)


@pytest.mark.parametrize("name", ["mini", 'it\'s "mini"'])
@pytest.mark.parametrize("advice", ["experiments restore", "gc"])
@pytest.mark.slow
def test_a_deleted_experiment_is_reported_with_commands_that_help(in_mini: Path, advice: str, name: str) -> None:
    settings = TrackingParams(enabled=True, experiment=name)
    sync(in_mini, settings)
    client = client_of(in_mini)
    client.delete_experiment(client.get_experiment_by_name(name).experiment_id)
    with pytest.raises(UserError) as caught:
        sync(in_mini, settings)
    message = str(caught.value)
    assert f"experiment {name!r} was deleted" in message
    assert "another tracking.experiment in params.yaml" in message
    assert "complaints track" not in message
    run_advice(message, advice)
    assert sorted(sync(in_mini, settings)) == ([] if advice == "experiments restore" else TRACKED)
    assert stages(in_mini, experiment=name) == TRACKED


def test_another_experiment_can_be_named_after_one_was_deleted(in_mini: Path) -> None:
    sync(in_mini, ON)
    client = client_of(in_mini)
    client.delete_experiment(client.get_experiment_by_name("mini").experiment_id)
    assert sorted(sync(in_mini, TrackingParams(enabled=True, experiment="mini 2"))) == TRACKED


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini", 'it\'s "mini"'])
def test_a_project_that_was_moved_twice_keeps_its_history(
    in_mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings = TrackingParams(enabled=True, experiment=name)
    sync(in_mini, settings)
    before = in_mini
    for old, target in ((f"{name}-old", "moved here"), (f"{name}-old2", "it's there")):
        moved = Path(shutil.move(before, tmp_path / target))
        monkeypatch.chdir(moved)
        with pytest.raises(UserError) as caught:
            sync(moved, settings)
        message = str(caught.value)
        assert f"keeps its artifacts in {(before / 'mlartifacts').as_uri()}" in message
        assert f"the project is now in {moved}" in message
        run_advice(message, "experiments rename")
        assert sorted(sync(moved, settings)) == TRACKED
        assert stages(moved, experiment=old) == TRACKED
        assert not before.exists()
        before = moved


class AnsweringServer(ThreadingHTTPServer):
    """A server on loopback that answers every request alike, and counts them."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body, self.requests = status, body, 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def uri(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: AnsweringServer

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.send_header("Retry-After", "100")
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def answering(status: int, body: bytes) -> Iterator[AnsweringServer]:
    """Run a server that answers every request alike."""
    server = AnsweringServer(status, body)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"log in", "it refuses the credentials (401); set MLFLOW_TRACKING_USERNAME"),
        (401, b'{"message": "Unauthorized"}', "it refuses the credentials (401)"),
        (403, b"", "this user may not write there (403)"),
        (403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}', "this user may not write there (403)"),
        (404, b"<html>", "no MLflow server is at this address; correct MLFLOW_TRACKING_URI"),
        (200, b"<html>", "no MLflow server is at this address; correct MLFLOW_TRACKING_URI"),
        (429, b"", "the server fails (status 429); once it works"),
        (500, b"", "the server fails (status 500); once it works"),
        (503, b"<html>", "the server fails (status 503); once it works"),
    ],
)
def test_a_server_that_refuses_is_asked_once(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, words: str
) -> None:
    with answering(status, body) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        message = problem_of(in_mini)
        assert f"{server.uri}: {words}" in message
        assert "run `complaints track`" in message
        assert server.requests == 1


def test_a_server_that_never_answers_is_left_after_one_attempt(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert int(DEFAULTS["MLFLOW_HTTP_REQUEST_TIMEOUT"]) * (1 + int(DEFAULTS["MLFLOW_HTTP_REQUEST_MAX_RETRIES"])) < 5
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        assert "no answer within 1 seconds; once the server answers, run `complaints track`" in problem_of(in_mini)
        monkeypatch.setenv("DVC_STAGE", "finetune@a")
        run = start_run(ON)
        log_history(run, [{"step": 1, "loss": 1.0}])
        log_stage(ON, run)
        silent.settimeout(0)
        connections = 0
        while True:
            try:
                silent.accept()[0].close()
            except BlockingIOError:
                break
            connections += 1
    assert connections == 2  # one of `sync`, one of the stage
    error = capsys.readouterr().err
    assert error.count("\n") == error.count("warning: ") == 1


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("foo://x", "MLflow has no store of this kind; set MLFLOW_TRACKING_URI"),
        ("file:///tmp/runs", "MLflow no longer writes to a folder; set MLFLOW_TRACKING_URI"),
        ("./runs", "MLflow no longer writes to a folder; set MLFLOW_TRACKING_URI"),
        ("http://127.0.0.1:99999", "MLFLOW_TRACKING_URI is not a valid address; correct it"),
        ("http://", "correct MLFLOW_TRACKING_URI"),
        ("http://[::1", "MLFLOW_TRACKING_URI"),
        ("http://no-such-host.invalid", "the name of the server is unknown; correct MLFLOW_TRACKING_URI"),
        ("mssql+no_such_driver://host/db", "MLFLOW_TRACKING_URI"),
    ],
)
def test_an_address_that_no_store_has_can_be_corrected(
    in_mini: Path, monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    message = problem_of(in_mini)
    assert words in message
    assert "run `complaints track`" in message
    for correct in (f"sqlite:///{in_mini}/correct.db", None):
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        if correct:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", correct)
        assert sorted(sync(in_mini, ON)) == TRACKED


def test_a_database_server_is_asked_once(in_mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow itself makes ten attempts, which take a hundred seconds."""
    import sqlalchemy

    attempts = []

    class Engine:
        def connect(self) -> None:
            attempts.append(1)
            raise ConnectionError("Connection refused")

    monkeypatch.setattr(sqlalchemy, "create_engine", lambda address, **options: Engine())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1/mlflow")
    message = problem_of(in_mini)
    assert "postgresql://127.0.0.1/mlflow: the server cannot be reached" in message
    assert "secret" not in message
    assert attempts == [1]
