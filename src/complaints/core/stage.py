"""Frame of every stage script: a lock, one line per error, and outputs restored after a failure."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from complaints.core.errors import UserError, say_error
from complaints.core.orphans import die_with_dvc
from complaints.core.paths import SCRATCH


def _restore_outputs(name: str) -> None:
    """Restore the outputs that DVC removed before the failed stage ran; dvc.lock still lists them."""
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
    """Return whether this is the only process of the stage or the one of rank 0."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Hold the lock of a stage; the process of rank 0 holds it for all ranks."""
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
    """Run the `main` of a stage under its lock; on a UserError print one line and exit with status 1."""
    name = os.environ.get("DVC_STAGE") or Path(sys.argv[0]).stem
    name = name.rpartition(":")[2]
    try:
        die_with_dvc()
        with _lock(name):
            main()
    except UserError as error:
        say_error(f"error: {name}: {error}")
        if "DVC_STAGE" in os.environ and is_first():
            _restore_outputs(name)
        sys.exit(1)
