"""What every stage script has in common: one process at a time, one line per error, nothing lost."""

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from complaints.errors import UserError

SCRATCH = Path("scratch")
"""Working files that are no outputs (locks, checkpoints to resume from); git and DVC ignore the folder."""

PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Ask Linux to end this process with its parent: a killed `dvc repro` must not leave a stage that writes on."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise UserError("the process that started this stage is gone")


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
                    except DvcException as error:
                        print(f"note: {out} could not be restored from DVC's cache: {error}", file=sys.stderr)


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main` under a lock of its own and exit with status 1 and one line on a UserError."""
    name = os.environ.get("DVC_STAGE") or Path(sys.argv[0]).stem
    name = name.rpartition(":")[2]
    locks = SCRATCH / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    try:
        _die_with_parent()
        with open(locks / name, "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"stage {name} is already running in this folder; wait for it to end") from None
            main()
    except UserError as error:
        print(f"error: {name}: {error}", file=sys.stderr)
        if "DVC_STAGE" in os.environ:
            _restore_outputs(name)
        sys.exit(1)
