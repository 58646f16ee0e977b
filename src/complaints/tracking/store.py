"""Tracking store: its address, its sqlite file, a lock, and a check that the file can be written."""

import fcntl
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from complaints.core.errors import without_credentials
from complaints.core.paths import SCRATCH

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
ROOT_VARIABLE = "COMPLAINTS_TRACKING_ROOT"
"""Environment variable with the project whose store keeps the runs of a clone, such as that of `complaints sweep`."""
DATABASE_SERVERS = ("postgresql", "mysql", "mssql")
LOCK_SECONDS = 3.0
"""MLflow holds the lock of an sqlite file for less time than this."""
LOGGING_SECONDS = 60.0
"""Limit of the wait for another process of this project that is logging."""


class StoreError(RuntimeError):
    """A problem of the store that the user must solve; the message says how."""


class NotOpenedError(RuntimeError):
    """A failure of MLflow while it opened the store, with the text of the exception that caused it."""


def sqlite_uri(file: Path) -> str:
    """Return the address of an sqlite file for SQLAlchemy, which decodes %XX in it.

    The driver is named because MLflow creates the folder of an address that begins with `sqlite:///`, without decoding.
    """
    return f"sqlite+pysqlite:///{quote(str(file))}"


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of an sqlite address, or None if it is not the address of a file."""
    scheme, _, rest = uri.partition(":///")
    path = unquote(rest.partition("?")[0])
    if scheme.partition("+")[0] != "sqlite" or path in ("", ":memory:") or path.startswith("file:"):
        return None
    # Links are not followed: a circle of them is a problem of opening the file, not of naming it.
    return Path(os.path.abspath(path))


def _kind(uri: str) -> str:
    """Return the scheme of an address without its driver, of one that is not valid too."""
    return uri.partition(":")[0].partition("+")[0].lower()


@dataclass(frozen=True)
class Store:
    """The project's own store, or the one at `address`."""

    folder: Path
    """Folder of the project's own store."""
    address: str | None
    """MLFLOW_TRACKING_URI."""

    @property
    def uri(self) -> str:
        """Return the address for MLflow."""
        return self.address or sqlite_uri(self.folder / DATABASE)

    @property
    def shown(self) -> str:
        """Return the address without user name and password."""
        return without_credentials(self.uri)

    @property
    def database(self) -> Path | None:
        """Return the sqlite file of the store, None for a server."""
        return sqlite_file(self.address) if self.address else self.folder / DATABASE

    @property
    def is_database_server(self) -> bool:
        """Return whether the address is that of a database server."""
        return _kind(self.uri) in DATABASE_SERVERS

    @property
    def is_server(self) -> bool:
        """Return whether the address is that of an MLflow server."""
        return _kind(self.uri) in ("http", "https")

    @property
    def artifacts(self) -> str | None:
        """Return the address of the artifacts of a new experiment, None where the server decides."""
        return None if self.address else (self.folder / ARTIFACTS).as_uri()


def store_of(root: Path) -> Store:
    """Return the store of a project: MLFLOW_TRACKING_URI, or mlflow.db at the root.

    The root is that of the parent project in the temporary workspace of `dvc exp run --temp` and in a sweep's clone.
    """
    own = os.environ.get(ROOT_VARIABLE) or os.environ.get("DVC_ROOT") or root
    return Store(Path(own).resolve(), os.environ.get("MLFLOW_TRACKING_URI") or None)


def check_store(store: Store) -> None:
    """Check, before MLflow is imported, that a store can keep runs.

    Raises:
        StoreError: if it is in memory, where the runs are lost when the process ends.
        Exception: as `check_opens` does.
    """
    if store.database is not None:
        check_opens(store.database)
    elif _kind(store.uri) == "sqlite" and "file:" not in store.uri:
        raise StoreError(
            "it is in memory and lost when the process ends; set MLFLOW_TRACKING_URI to an address like "
            "sqlite:////folder/mlflow.db, or unset it to use the project's mlflow.db"
        )


def check_opens(database: Path) -> None:
    """Check that an sqlite file can be written or created; MLflow repeats a failing attempt for minutes.

    Raises:
        sqlite3.Error: if the file is locked, read-only, on a full disk or not an sqlite file.
        OSError: if it is a folder, or if it is missing and its folder is too or is read-only.
    """
    if not database.parent.is_dir():
        raise FileNotFoundError(f"folder {database.parent} does not exist")
    if database.is_dir():
        raise IsADirectoryError(f"{database} is a folder")
    if database.exists():
        uri = f"{database.as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            # A change that is rolled back: SQLite finds out only at a first write that a file is read-only.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("ROLLBACK")
    elif not os.access(database.parent, os.W_OK):
        raise PermissionError(f"no permission to create files in {database.parent}")


@contextmanager
def logging_lock(store: Store) -> Iterator[None]:
    """Hold the lock of all processes that log from this project; without it two of them might log the same run.

    Raises:
        StoreError: if another process holds the lock for too long.
    """
    try:
        file = store.folder / SCRATCH / "locks" / "mlflow"
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("w")
    except OSError:  # the folder is read-only, or a file is in its place: log without a lock
        yield
        return
    with lock:
        deadline = time.monotonic() + LOGGING_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"another process has been logging for {LOGGING_SECONDS:.0f} seconds; once it has ended, "
                        "`complaints track` logs what is missing"
                    ) from None
                time.sleep(0.05)
        yield


def is_free(port: int) -> bool:
    """Return whether a server can listen on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
