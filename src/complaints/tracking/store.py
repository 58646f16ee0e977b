"""Tracking store: its address, its sqlite file, and a check that the file can be opened."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
LOCK_SECONDS = 3.0
"""A stage that is just logging holds the lock of the sqlite file for less time than this."""


class StoreError(RuntimeError):
    """A problem of the store that the user must solve; the message says how."""


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
    return Path(path).resolve()


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
        parts = urlsplit(self.uri)
        return self.uri.replace(f"{parts.netloc.rpartition('@')[0]}@", "") if "@" in parts.netloc else self.uri

    @property
    def database(self) -> Path | None:
        """Return the sqlite file of the store, None for a server."""
        return sqlite_file(self.address) if self.address else self.folder / DATABASE

    @property
    def artifacts(self) -> str | None:
        """Return the address of the artifacts of a new experiment, None where the server decides."""
        return None if self.address else (self.folder / ARTIFACTS).as_uri()


def store_of(root: Path) -> Store:
    """Return the store of a project: MLFLOW_TRACKING_URI, or mlflow.db at the root.

    The root is that of the parent project in the temporary workspace of `dvc exp run --temp`.
    """
    return Store(Path(os.environ.get("DVC_ROOT") or root).resolve(), os.environ.get("MLFLOW_TRACKING_URI") or None)


def check_opens(database: Path) -> None:
    """Check that an sqlite file can be written or created; MLflow repeats a failing attempt for minutes.

    Raises:
        sqlite3.Error: if the file is locked, read-only or not an sqlite file.
        PermissionError: if it is missing and its folder is read-only.
    """
    if database.exists():
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
    elif database.parent.is_dir() and not os.access(database.parent, os.W_OK):
        raise PermissionError(f"no permission to create files in {database.parent}")
