"""Record of the stages known to be logged: `complaints track` does not ask MLflow while the store is unchanged.

Importing MLflow takes seconds, comparing the state of a file takes microseconds. The record counts for one sqlite file
in exactly the state in which the last `sync` left it. A run that a user deletes in MLflow changes that state, as does
any other write, and a new file in the place of a deleted one has another state. A server shows no such state, so it is
asked every time.
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core.files import write_json

LoggedStage = tuple[str, str]
"""Hash of a stage's inputs and md5 of its outputs."""


def _state(database: Path) -> list[list[int]]:
    """Return inode, size and times of an sqlite file, and of its write-ahead log if there is one."""
    files = [database, database.with_name(f"{database.name}-wal")]
    stats = [file.stat() for file in files if file.is_file()]
    return [[stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] for stat in stats]


@dataclass(frozen=True)
class Record:
    """Stages with a finished run that is tagged with the md5 of dvc.lock, in one experiment of one sqlite file."""

    file: Path
    database: Path | None
    """None for a server: nothing is recorded."""
    experiment: str
    content: str
    """What is logged of a stage; a record of other content does not count."""

    def _stored(self) -> dict[str, Any]:
        """Return the content of the file, empty if it is missing or broken."""
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def read(self) -> set[LoggedStage]:
        """Return the stages, none if the store has changed or the record is broken."""
        if self.database is None or not self.database.is_file():
            return set()
        try:
            entry = self._stored()[str(self.database)][self.experiment]
            pairs = {(str(inputs_hash), str(outputs)) for inputs_hash, outputs in entry["logged"]}
            same = entry["state"] == _state(self.database) and entry["content"] == self.content
            return pairs if same else set()
        except (KeyError, TypeError, ValueError, OSError):
            return set()

    def write(self, logged: set[LoggedStage]) -> None:
        """Replace the stages by `logged`, for the present state of the store; a failure costs only time later."""
        if self.database is None:
            return
        with contextlib.suppress(OSError, ValueError):
            content = self._stored()
            experiments = content.get(str(self.database))
            logged_now = sorted(map(list, logged))
            entry = {"state": _state(self.database), "content": self.content, "logged": logged_now}
            others = experiments if isinstance(experiments, dict) else {}
            write_json(self.file, content | {str(self.database): others | {self.experiment: entry}})
