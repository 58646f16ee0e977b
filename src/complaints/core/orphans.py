"""A stage ends when the `dvc repro` that started it is killed."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from complaints.core.errors import UserError

PR_SET_PDEATHSIG = 1

WATCH_SECONDS = 0.5


def _environment_of(process: int) -> bytes:
    """Return the environment that a process was started with, empty when it is gone or another user's."""
    try:
        return Path(f"/proc/{process}/environ").read_bytes()
    except OSError:
        return b""


def _parent_of(process: int) -> int:
    """Return the id of a process's parent, 0 when the process is gone."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _links_to_dvc() -> list[tuple[int, int]]:
    """Return (process, parent) from this process's parent up to DVC, the first that no DVC has started."""
    links = []
    process = os.getppid()
    while b"DVC_STAGE=" in _environment_of(process):
        links.append((process, _parent_of(process)))
        process = links[-1][1]
    return links


def _watch(links: list[tuple[int, int]]) -> None:
    """End this process when one of `links` is no longer a process and its parent."""
    while all(_parent_of(process) == parent for process, parent in links):
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def die_with_dvc() -> None:
    """End this process when `dvc repro` is killed: it must not leave a stage behind that writes on.

    DVC starts a shell, which starts this process, or a launcher that does, or becomes it. Linux is asked to end us
    with our parent; where that is not DVC itself, a thread also watches the processes between.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise UserError("the process that started this stage is gone")
    links = _links_to_dvc()
    if "DVC_STAGE" in os.environ and links:
        threading.Thread(target=_watch, args=(links,), daemon=True).start()
