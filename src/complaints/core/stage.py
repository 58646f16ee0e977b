"""Frame of every stage script: a lock, a check of the inputs, one line per error, outputs restored after a failure."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from complaints.core.errors import UserError, one_line, say_error
from complaints.core.numerics import check_pinned
from complaints.core.orphans import die_with_dvc
from complaints.core.paths import SCRATCH
from complaints.core.stage_inputs import check_inputs


def _restore_outputs(name: str) -> None:
    """Restore the outputs that DVC removed before the failed stage ran, or that it had replaced already.

    The run that dvc.lock describes left them in DVC's cache; with its run cache DVC keeps those in git there too.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    lost = []
    with Repo(os.environ["DVC_ROOT"]) as repo:
        for stage in repo.stage.collect(name):
            for out in stage.outs:
                if not out.hash_info or (out.persist and not out.use_cache):
                    continue  # never in the cache, and replaced last by its stage
                out.use_cache = True
                try:
                    out.checkout(force=True)
                except (DvcException, OSError):
                    if not out.persist:  # DVC has not removed these
                        lost.append(str(out))
    if lost:
        say_error(f"note: DVC's cache does not have the last {', '.join(lost)}; they are not restored")


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


@contextmanager
def _restoring(name: str) -> Iterator[None]:
    """Restore the outputs of the last good run if the stage fails in any way that it can notice."""
    try:
        yield
    except BaseException:
        if "DVC_STAGE" in os.environ and is_first():
            _restore_outputs(name)
        raise


def run(main: Callable[[], None]) -> None:
    """Run the `main` of a stage under its lock, after a check of what it reads.

    On a UserError, an error of the operating system and Ctrl-C it prints one line and exits with status 1. Whatever
    the error, the outputs of the last good run are restored.

    Raises:
        RuntimeError: if the script imports numpy before complaints.
    """
    check_pinned()
    name = os.environ.get("DVC_STAGE") or Path(sys.argv[0]).stem
    name = name.rpartition(":")[2]
    try:
        die_with_dvc()
        with _lock(name), _restoring(name):
            if "DVC_STAGE" in os.environ and is_first():
                check_inputs(name)
            main()
    except (UserError, OSError, KeyboardInterrupt) as error:
        say_error(f"error: {name}: {one_line(error)}")
        sys.exit(1)
