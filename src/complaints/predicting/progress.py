"""Progress on stderr: rows so far and rows per second."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

TERMINAL_SECONDS = 0.5
"""Time between two updates of the line on a terminal."""

LOG_SECONDS = 10.0
"""Time between two lines elsewhere; work that takes less has none."""


class Progress:
    """A count of rows that is shown from time to time."""

    def __init__(self, quiet: bool, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock.

        Args:
            quiet: Show nothing.
            stream: The stream to write to; None for stderr.
            clock: Returns seconds.
        """
        self.stream = sys.stderr if stream is None else stream
        self.quiet, self.clock = quiet or self.stream is None, clock
        self.on_terminal = not self.quiet and self.stream.isatty()
        self.rows = 0
        self.start = self.shown = clock()

    def add(self, rows: int) -> None:
        """Count rows, and show the count if the last time is long enough ago."""
        self.rows += rows
        now = self.clock()
        if self.quiet or now - self.shown < (TERMINAL_SECONDS if self.on_terminal else LOG_SECONDS):
            return
        self.shown = now
        line = f"{self.rows:,} rows, {self.rate:,.0f} rows/s"
        print(f"\r\033[K{line}" if self.on_terminal else line, end="" if self.on_terminal else "\n", file=self.stream)
        self.stream.flush()

    def close(self) -> None:
        """Clear the line on a terminal."""
        if self.on_terminal:
            print("\r\033[K", end="", file=self.stream, flush=True)

    @property
    def rate(self) -> float:
        """Return rows per second since the start."""
        return self.rows / max(self.clock() - self.start, 1e-9)
