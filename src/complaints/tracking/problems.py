"""Problems of MLflow in one line: what is wrong with the store, and a way out that works.

MLflow, SQLAlchemy, requests and the file system have no common base class of exceptions, and most of them say only in
their text what has happened.
"""

import itertools
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from complaints.core.errors import UserError
from complaints.tracking.store import NotOpenedError, Store, StoreError

TRACK = "run `complaints track`"
LOGS_MISSING = f"{TRACK}, which logs what is missing"
REASON_CHARACTERS = 300

SERVER = {
    r"error code 401|UNAUTHENTICATED|[Uu]nauthori[sz]ed": "it refuses the credentials (401); set "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, then {track}",
    r"error code 403|PERMISSION_DENIED|[Ff]orbidden": "this user may not write there (403); get the permission "
    "EDIT on the experiment, or set the credentials of another user (MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD), then {track}",
    r"timeout exception|[Tt]imed out|ReadTimeout": "no answer within {seconds} seconds; once the server answers, "
    "{track} (MLFLOW_HTTP_REQUEST_TIMEOUT=60 waits longer)",
    r"too many (\d+) error responses": "the server fails (status {group}); once it works, {track}",
    r"error code 40[45]|valid JSON|\d redirects": "no MLflow server is at this address; correct "
    "MLFLOW_TRACKING_URI, then {track}",
    r"^Invalid (url|IPv6)|Failed to parse": "MLFLOW_TRACKING_URI is not a valid address; correct it, then {track}",
    r"SSLError|CERTIFICATE": "no secure connection ({reason}); correct MLFLOW_TRACKING_URI or set "
    "MLFLOW_TRACKING_SERVER_CERT_PATH, then {track}",
    r"NameResolutionError": "the name of the server is unknown; correct MLFLOW_TRACKING_URI, then {track}",
    r"NewConnectionError|Connection refused|RemoteDisconnected|Connection aborted": "the server cannot be reached; "
    "start it or correct MLFLOW_TRACKING_URI, then {track}",
}
"""Pattern in the text of an exception -> the problem of a server and the way out."""

ADDRESS = {
    r"unsupported URI": "MLflow has no store of this kind; set MLFLOW_TRACKING_URI to an address like "
    "http://127.0.0.1:5000 or sqlite:////folder/mlflow.db, or unset it to use the project's mlflow.db, then {track}",
    r"maintenance mode": "MLflow no longer writes to a folder; set MLFLOW_TRACKING_URI to an address like "
    "sqlite:////folder/mlflow.db, or unset it to use the project's mlflow.db, then {track}",
    r"Can't load plugin: sqlalchemy.dialects:([\w.]+)": "it needs the driver {group}, which is not installed; install "
    "it or change MLFLOW_TRACKING_URI, then {track}",
    r"No module named '(\w+)": "it needs the package {group}, which is not installed; install it or change "
    "MLFLOW_TRACKING_URI, then {track}",
}
"""The same for addresses of any kind."""

DATABASE = {
    r"database (table )?is locked": "another process has locked it; once that process has ended, {track}",
    r"disk is full|No space left|ENOSPC": "the disk is full; free some space, then {track}",
    r"readonly database|Read-only|[Pp]ermission": "it cannot be written ({reason}); make it and its folder writable, "
    "or set MLFLOW_TRACKING_URI to an address like sqlite:////folder/mlflow.db elsewhere, then {track}",
    r"^folder .* does not exist": "its {reason}; make it or correct MLFLOW_TRACKING_URI, then {track}",
    r"is a folder": "it is a folder, not a file; {move}",
    r"file is not a database|file is encrypted": "it is not an sqlite file; {move}",
    r"database disk image is malformed": "the file is damaged; {move}",
    r"invalid interpolation syntax": "MLflow cannot make a store where the path of its own installation has a `%`; "
    "build the environment in another folder, then {track}",
}
"""The same for databases and their files."""

SCHEMA = r"found version (\w+),|revision identified by '(\w+)'"


def problem(store: Store, error: Exception, undone: str = "not logged to MLflow", again: str = TRACK) -> str:
    """Return one line about an exception: what was not done, why, and the way out, which ends with `again`."""
    advice = _advice(store, error)
    if again != TRACK:
        advice = advice.replace(LOGS_MISSING, again).replace(TRACK, again)
    return f"{undone} at {store.shown}: {advice}"


def _advice(store: Store, error: Exception) -> str:
    text = str(error).replace(store.uri, store.shown).strip() or type(error).__name__
    reason = text.splitlines()[0][:REASON_CHARACTERS]
    if isinstance(error, StoreError | UserError):
        return text
    if found := re.search(SCHEMA, text):
        return _schema_advice(store, found[1] or found[2])
    for pattern, advice in (SERVER | ADDRESS | DATABASE).items():
        if found := re.search(pattern, text):
            return advice.format(
                track=TRACK,
                move=_move(store),
                reason=reason,
                group=found[1] if found.re.groups else "",
                seconds=os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT"),
            )
    if isinstance(error, NotOpenedError) and store.database is not None:
        return f"MLflow cannot open it ({reason}); {_move(store)}"
    return f"{reason}; once this is solved, {LOGS_MISSING}"


def free_name(name: str, taken: Callable[[str], object]) -> str:
    """Return `name`-old, or with the first number that makes it free."""
    return next(other for i in itertools.count(1) if not taken(other := f"{name}-old{i if i > 1 else ''}"))


def _move(store: Store) -> str:
    """Return the way out for a file that is not a store. The file is kept."""
    if store.database is None:
        return f"set MLFLOW_TRACKING_URI to another store, then {TRACK}"
    target = free_name(str(store.database), os.path.exists)
    return f"move it away (`mv {shlex.quote(str(store.database))} {shlex.quote(target)}`), then {TRACK}"


def _schema_advice(store: Store, revision: str) -> str:
    """Return the way out for a store of another version of MLflow."""
    import mlflow

    versions = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    if any(versions.glob(f"{revision}_*.py")):
        upgrade = f"mlflow db upgrade {shlex.quote(store.shown)}"
        return f"an older MLflow made it; copy it as a backup, run `{upgrade}`, then {TRACK}"
    return f"a newer MLflow than {mlflow.__version__} made it; install that one, or {_move(store)}"
