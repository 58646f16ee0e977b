"""Inference log: Parquet files of what a server answered, with hashes and counts in place of texts.

Rows wait in memory, PART_ROWS at most, until a thread writes them as one more file of the folder, completely or not at
all. A server that is killed loses the rows of its last PART_SECONDS. A full disk loses rows, and fails no request.
"""

import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from complaints.core import paths
from complaints.core.errors import UserError, say_error
from complaints.core.parquet import write_parquet
from complaints.serving.features import text_features, vocabulary
from complaints.serving.log_schema import LOG_SCHEMA, make_folder
from complaints.serving.served import Row

PART_ROWS = 10_000
"""Rows of a file at most."""
PART_SECONDS = 30.0
"""Time until the rows that wait are written."""
WAITING_ANSWERS = 1_000
"""Answers that may wait for the thread; those beyond are not logged."""

_Answer = tuple[datetime, list[str], list[Row], float]


class InferenceLog:
    """A folder of Parquet files that a thread writes."""

    def __init__(self, folder: Path, lost: Callable[[int], Any]) -> None:
        """Start the thread.

        Args:
            folder: The folder, which may have files of earlier runs.
            lost: Called with a number of rows that could not be written.

        Raises:
            UserError: if the folder cannot be made or written.
        """
        make_folder(folder)
        self.folder, self.lost = folder.resolve(), lost
        self.known = vocabulary(paths.SPLITS / "train.parquet")
        self.answers: queue.Queue[_Answer | None] = queue.Queue(WAITING_ANSWERS)
        self.start, self.parts = datetime.now(UTC), 0
        self.thread = threading.Thread(target=self._run, name="log", daemon=True)
        self.thread.start()

    def add(self, texts: list[str], rows: list[Row], seconds: float) -> None:
        """Log an answer; it never blocks.

        Args:
            texts: The texts, which the log does not keep.
            rows: Their decisions.
            seconds: Time of the request.
        """
        try:
            self.answers.put_nowait((datetime.now(UTC), texts, rows, seconds))
        except queue.Full:
            self.lost(len(rows))

    def close(self) -> None:
        """Write the rows that wait, and end the thread."""
        self.answers.put(None)
        self.thread.join()

    def _run(self) -> None:
        waiting: list[dict[str, Any]] = []
        due = time.monotonic() + PART_SECONDS
        while True:
            try:
                answer = self.answers.get(timeout=max(due - time.monotonic(), 0.01))
                if answer is None:
                    self._write(waiting)
                    return
                waiting += self._values(*answer)
            except queue.Empty:
                pass
            if waiting and (len(waiting) >= PART_ROWS or time.monotonic() >= due):
                self._write(waiting)
                waiting = []
            if not waiting:
                due = time.monotonic() + PART_SECONDS

    def _values(self, moment: datetime, texts: list[str], rows: list[Row], seconds: float) -> list[dict[str, Any]]:
        features = text_features(texts, self.known)
        return [
            {
                "time": moment,
                "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
                "label": row.label,
                "probability": row.probability,
                "unsure": row.unsure,
                "model": row.served.name,
                "model_digest": row.served.digest,
                "latency_ms": round(1000 * seconds, 3),
                **vars(counts),
            }
            for text, row, counts in zip(texts, rows, features, strict=True)
        ]

    def _write(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        name = f"{self.start:%Y%m%dT%H%M%S}-{os.getpid()}-{self.parts:06}.parquet"
        try:
            write_parquet(self.folder / name, LOG_SCHEMA, [pa.Table.from_pylist(rows, LOG_SCHEMA)])
            self.parts += 1
        except (OSError, UserError, pa.ArrowException) as error:
            self.lost(len(rows))
            say_error(f"error: {len(rows)} rows of the log are lost: {error}")
