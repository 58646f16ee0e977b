"""End of a stage whose `dvc repro` was killed."""

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
    """Return the initial environment of a process, empty if it has ended or belongs to another user."""
    try:
        return Path(f"/proc/{process}/environ").read_bytes()
    except OSError:
        return b""


def _parent_of(process: int) -> int:
    """Return the id of a process's parent, 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _links_to_dvc() -> list[tuple[int, int]]:
    """Return (process, parent) from this process's parent up to DVC, the first process that DVC did not start."""
    links = []
    process = os.getppid()
    while b"DVC_STAGE=" in _environment_of(process):
        links.append((process, _parent_of(process)))
        process = links[-1][1]
    return links


def _watch(links: list[tuple[int, int]]) -> None:
    """End this process as soon as the parent of a process in `links` is another one."""
    while all(_parent_of(process) == parent for process, parent in links):
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def die_with_dvc() -> None:
    """Let this process end when `dvc repro` is killed, so that no stage continues to write.

    DVC starts a shell. The shell starts this process, starts a launcher that starts it, or is replaced by it. Linux
    ends this process together with its parent; if the parent is not DVC itself, a thread also watches the processes
    in between.

    Raises:
        UserError: if the parent has already ended.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise UserError("the process that started this stage has ended; run `dvc repro` again")
    links = _links_to_dvc()
    if "DVC_STAGE" in os.environ and links:
        threading.Thread(target=_watch, args=(links,), daemon=True).start()
