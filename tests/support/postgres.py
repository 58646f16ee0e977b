"""PostgreSQL server of a test, in a temporary folder and as a user that is not root."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from support.mlflow_runs import free_port

USER = "postgres"
"""User of Debian's package, in whose name the server runs if the test's user is root, whom PostgreSQL refuses."""
START_SECONDS = 60.0


def binary(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, which Debian keeps outside of PATH; None if there is none."""
    found = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)]
    return shutil.which(name) or next(iter(found), None)


def why_not() -> str | None:
    """Return why no server can run here, None if it can."""
    if binary("initdb") is None or binary("postgres") is None:
        return "PostgreSQL is not installed; `apt-get install postgresql`"
    if os.geteuid() == 0 and USER not in {user.pw_name for user in pwd.getpwall()}:
        return f"PostgreSQL refuses to run as root, and there is no user {USER}"
    if os.geteuid() == 0 and not os.stat(os.devnull).st_mode & stat.S_IWOTH:
        return f"the user {USER} may not write to {os.devnull}; `chmod 666 {os.devnull}`"
    return None


def _owner() -> pwd.struct_passwd:
    return pwd.getpwnam(USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


@contextmanager
def running_postgres(database: str) -> Iterator[str]:
    """Run a server with an empty database on loopback and yield the address of the database."""
    folder, owner = Path(tempfile.mkdtemp(prefix="postgres-")), _owner()
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    data, port = folder / "data", free_port()
    start = [str(binary("postgres")), "-D", str(data), "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
    make = [str(binary("initdb")), "-D", str(data), "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8"]
    server: subprocess.Popen[bytes] | None = None
    try:
        made = subprocess.run(make, capture_output=True, text=True, cwd=folder, **identity)  # type: ignore[call-overload]
        assert made.returncode == 0, made.stderr
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [*start, "-c", "listen_addresses=127.0.0.1"], stdout=log, stderr=log, cwd=folder, **identity
            )  # type: ignore[call-overload]
        _create(database, port, folder / "log")
        yield f"postgresql+psycopg2://{USER}@127.0.0.1:{port}/{database}"
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # ends connections too
            server.wait(START_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _create(database: str, port: int, log: Path) -> None:
    """Create the database once the server answers."""
    import psycopg2

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with closing(psycopg2.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres")) as connection:
                connection.autocommit = True
                connection.cursor().execute(f'CREATE DATABASE "{database}"')
                return
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
