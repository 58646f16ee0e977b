"""Local index of the rows of data files, keyed by the hash of their content, in SQLite.

A fact is a row as it is in a file: id, hash of the text, label and cluster. Its number is a hash of these, so the same
row of many versions is stored once, and a file is an array of numbers. Processes may use the index at the same time; an
index that is damaged, or was made by other code, is built again.
"""

import fcntl
import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.dedup import clusters, minhash, normalize
from complaints.dedup.minhash import BANDS, HASHES
from complaints.row_history.facts import Batch, Fact, Signatures

WAIT_SECONDS = 600
"""Time to wait for another process that writes to the index."""

VARIABLES = 500
"""Values in one query; SQLite allows at least 999."""

CACHE_KILOBYTES = 200_000

RECENT_FILES = 8
"""Files of which a new one is likely to share rows: those of two versions."""

TABLES = """
CREATE TABLE version (made_by TEXT NOT NULL);
CREATE TABLE fact (
    number INTEGER PRIMARY KEY, row_id TEXT NOT NULL, text_sha256 BLOB NOT NULL, label TEXT, cluster TEXT NOT NULL
);
CREATE INDEX fact_row_id ON fact (row_id);
CREATE INDEX fact_text ON fact (text_sha256);
CREATE INDEX fact_cluster ON fact (cluster);
CREATE TABLE file (added INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, numbers BLOB NOT NULL);
CREATE TABLE signed (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE signatures (
    chunk INTEGER PRIMARY KEY, texts BLOB NOT NULL, keys BLOB NOT NULL, buckets BLOB NOT NULL, sketches BLOB NOT NULL
);
"""

T = TypeVar("T")


class DamagedError(Exception):
    """The bytes of the index are not those that were written."""


def made_by() -> str:
    """Return a digest of the code that decides what the index contains."""
    own = [Path(__file__).with_name(name) for name in ("facts.py", "index.py", "loading.py")]
    sources = (*own, clusters.__file__, minhash.__file__, normalize.__file__)
    return hashlib.sha256("".join(file_digest(str(source)) for source in sources).encode()).hexdigest()


def _packed(values: np.ndarray) -> bytes:
    """Return the bytes of an array behind their checksum."""
    data = np.ascontiguousarray(values).tobytes()
    return zlib.crc32(data).to_bytes(4, "big") + data


def _unpacked(blob: bytes, dtype: type, *shape: int) -> np.ndarray:
    if zlib.crc32(blob[4:]) != int.from_bytes(blob[:4], "big"):
        raise DamagedError
    return np.frombuffer(blob, dtype, offset=4).reshape(shape or (-1,))


class Index:
    """An open index."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read the content of a database, or create its tables.

        Raises:
            DamagedError: if it was made by other code.
            sqlite3.DatabaseError: if it is not a database, or damaged.
        """
        self._connection = connection
        if self._is_empty():
            with self._writing():
                if self._is_empty():  # no other process was faster
                    for statement in filter(str.strip, TABLES.split(";")):
                        connection.execute(statement)
                    connection.execute("INSERT INTO version VALUES (?)", (made_by(),))
        if connection.execute("SELECT made_by FROM version").fetchone() != (made_by(),):
            raise DamagedError
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise DamagedError

    def _is_empty(self) -> bool:
        return self._connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def has(self, key: str) -> bool:
        """Return whether a file is in the index."""
        return self._connection.execute("SELECT 1 FROM file WHERE key = ?", (key,)).fetchone() is not None

    def numbers(self, key: str) -> np.ndarray:
        """Return the numbers of the facts of a file, int64, ascending.

        Raises:
            DamagedError: if they are not those that were written.
        """
        (blob,) = self._connection.execute("SELECT numbers FROM file WHERE key = ?", (key,)).fetchone()
        return _unpacked(blob, np.int64)

    def add(self, key: str, batches: Iterable[Batch]) -> None:
        """Add the facts of a file, batch by batch, under its key, and the signatures if all batches have them."""
        insert = "INSERT OR IGNORE INTO fact VALUES (?, ?, ?, ?, ?)"
        known = np.unique(np.concatenate([np.empty(0, np.int64), *self._recent()]))
        found, signed = [np.empty(0, np.int64)], True
        with self._writing():
            for batch in batches:
                numbers = np.array([fact.number for fact in batch.facts], np.int64)
                new = [(numbers[i].item(), batch.facts[i]) for i in np.flatnonzero(~np.isin(numbers, known)).tolist()]
                rows = ((number, f.row_id, f.text_sha256, f.label, f.cluster) for number, f in new)
                self._connection.executemany(insert, rows)
                found.append(numbers)
                signed = signed and batch.signatures is not None
                if batch.signatures is not None:
                    self._add_signatures(batch.signatures)
            self.put(key, np.unique(np.concatenate(found)))
            if signed:
                self._connection.execute("INSERT OR REPLACE INTO signed VALUES (?)", (key,))

    def _add_signatures(self, new: Signatures) -> None:
        if len(new.texts):
            blobs = [_packed(values) for values in (new.texts, new.keys, new.buckets, new.sketches)]
            self._connection.execute("INSERT INTO signatures VALUES (NULL, ?, ?, ?, ?)", blobs)

    def _recent(self) -> list[np.ndarray]:
        """Return the numbers of the files added last, most of whose rows the next version has again."""
        blobs = self._connection.execute("SELECT numbers FROM file ORDER BY added DESC LIMIT ?", (RECENT_FILES,))
        return [_unpacked(blob, np.int64) for (blob,) in blobs]

    def put(self, key: str, numbers: np.ndarray) -> None:
        """Store an ascending array of the numbers of facts that the index has."""
        self._connection.execute("INSERT OR REPLACE INTO file (key, numbers) VALUES (?, ?)", (key, _packed(numbers)))

    def facts(self, column: str, values: Iterable[str | bytes | int]) -> dict[int, Fact]:
        """Return number -> fact of the facts whose column has one of the values.

        Args:
            column: `number`, `row_id`, `text_sha256` or `cluster`.
            values: The values.

        Raises:
            DamagedError: if a fact is not the one that was written.
        """
        rows: list[tuple[Any, ...]] = []
        listed = list(dict.fromkeys(values))
        for start in range(0, len(listed), VARIABLES):
            some = listed[start : start + VARIABLES]
            marks = ", ".join("?" * len(some))
            rows += self._connection.execute(f"SELECT * FROM fact WHERE {column} IN ({marks})", some)
        found = {number: Fact(*values) for number, *values in rows}
        if any(fact.number != number for number, fact in found.items()):
            raise DamagedError
        return found

    def is_signed(self, key: str) -> bool:
        """Return whether all texts of a file have signatures."""
        return self._connection.execute("SELECT 1 FROM signed WHERE key = ?", (key,)).fetchone() is not None

    def signatures(self) -> Iterator[Signatures]:
        """Yield all signatures, a chunk at a time; a text that two processes added is in two chunks.

        Raises:
            DamagedError: if they are not those that were written.
        """
        for texts, keys, buckets, sketches in self._connection.execute(
            "SELECT texts, keys, buckets, sketches FROM signatures ORDER BY chunk"
        ):
            yield Signatures(
                _unpacked(texts, np.uint8, -1, 32),
                _unpacked(keys, np.uint64),
                _unpacked(buckets, np.uint32, -1, BANDS),
                _unpacked(sketches, np.uint8, -1, HASHES),
            )


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=WAIT_SECONDS, isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KILOBYTES}")
    connection.execute("PRAGMA synchronous = OFF")  # what a power failure damages is built again
    return connection


def _remove_damaged(file: Path, seen: int) -> None:
    """Remove a damaged index when no process uses it, unless another process has replaced it meanwhile."""
    with open(file.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if file.stat().st_ino == seen:
                file.unlink()
                Path(f"{file}-journal").unlink(missing_ok=True)


def with_index(file: Path, use: Callable[[Index], T]) -> T:
    """Return the result of a function of the index in a file; a damaged index is removed and built again, once.

    Raises:
        UserError: if the file cannot be read or written, such as on a full disk.
    """
    for attempt in (1, 2):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with open(file.with_suffix(".lock"), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
                with closing(_connect(file)) as connection:
                    return use(Index(connection))
        except (DamagedError, sqlite3.DatabaseError) as error:
            if attempt == 2 or (isinstance(error, sqlite3.OperationalError) and not str(error).startswith("no such")):
                reason = str(error) or "it is damaged"
                raise UserError(
                    f"the index {file} cannot be used ({reason}); remove it, and repeat the command"
                ) from None
            _remove_damaged(file, file.stat().st_ino)
        except OSError as error:
            raise UserError(
                f"the index {file} cannot be written ({error.strerror}); make its folder writable"
            ) from None
    raise AssertionError
