"""Child processes of a reproduction, which end with it however it ends."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from complaints.core.orphans import PR_SET_PDEATHSIG

GRACE_SECONDS = 10.0
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that end a process into a KeyboardInterrupt, so that the copy is removed."""
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _die_with_parent() -> None:
    """Let a child end when its parent is killed; a stage then ends with its DVC."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def lines_of(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> Generator[str, None, None]:
    """Run a command in a process group of its own, append its output to a log, and yield the output's lines.

    After an interruption the group gets SIGTERM, and after ten seconds SIGKILL; likewise when the generator is closed
    early. A caller that works between lines closes it, since its exception keeps the generator alive.

    Raises:
        CalledProcessError: if it fails.
        OSError: if it cannot be started.
    """
    with (
        log.open("a", encoding="utf-8") as kept,
        subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                kept.write(line)
                kept.flush()
                yield line.rstrip("\n")
        finally:
            if child.poll() is None and sys.exc_info()[0] is not None:
                _end(child)
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, command)


def _end(child: subprocess.Popen[str]) -> None:
    """End a process group."""
    try:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
