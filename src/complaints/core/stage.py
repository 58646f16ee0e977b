"""What every stage script has in common: one process at a time, one line per error, nothing lost."""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from complaints.core.errors import UserError

SCRATCH = Path("scratch")
"""Working files that are no outputs (locks, checkpoints to resume from); git and DVC ignore the folder."""

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


def _die_with_dvc() -> None:
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


def _restore_outputs(name: str) -> None:
    """Put back the outputs that DVC removed before the failed stage ran; dvc.lock still speaks for them."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with Repo(os.environ["DVC_ROOT"]) as repo:
        for stage in repo.stage.collect(name):
            for out in stage.outs:
                if out.hash_info and not out.exists:
                    try:
                        out.checkout(force=True)
                    except (DvcException, OSError) as error:
                        print(f"note: {out} could not be restored from DVC's cache: {error}", file=sys.stderr)


def is_first() -> bool:
    """Tell whether this process is the first of those that a launcher has started, or alone."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Hold the stage's lock; the first of several processes holds it for all."""
    if not is_first():
        yield
        return
    locks = SCRATCH / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with open(locks / name, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"stage {name} is already running in this folder; wait for it to end") from None
        yield


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main` under a lock of its own and exit with status 1 and one line on a UserError."""
    name = os.environ.get("DVC_STAGE") or Path(sys.argv[0]).stem
    name = name.rpartition(":")[2]
    try:
        _die_with_dvc()
        with _lock(name):
            main()
    except UserError as error:
        print(f"error: {name}: {error}", file=sys.stderr)
        if "DVC_STAGE" in os.environ and is_first():
            _restore_outputs(name)
        sys.exit(1)
