"""What every stage script has in common: one process at a time, one line per error, nothing lost."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.orphans import die_with_dvc

SCRATCH = Path("scratch")
"""Working files that are no outputs (locks, checkpoints to resume from); git and DVC ignore the folder."""


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
        die_with_dvc()
        with _lock(name):
            main()
    except UserError as error:
        print(f"error: {name}: {error}", file=sys.stderr)
        if "DVC_STAGE" in os.environ and is_first():
            _restore_outputs(name)
        sys.exit(1)
