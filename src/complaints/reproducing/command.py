"""The command `complaints reproduce`."""

import argparse
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from complaints.core.errors import UserError, say_error
from complaints.core.paths import SCRATCH
from complaints.lineage.cache import Cache
from complaints.lineage.snapshots import Snapshots
from complaints.output_files import check_folder
from complaints.reproducing import environment, report
from complaints.reproducing.clean_copy import make_copy
from complaints.reproducing.processes import interruptible
from complaints.reproducing.rebuild import rebuild
from complaints.reproducing.target import find_target

COPY = SCRATCH / "reproduction"
LOG = SCRATCH / "reproduction.log"
LOCK = SCRATCH / "locks" / "reproduction"


def run(arguments: argparse.Namespace) -> int:
    """Reproduce a target, say what differs, and remove the copy unless it is to be kept.

    Returns:
        The exit status: 0 if every output is identical, else 1.

    Raises:
        UserError: if the target is unknown, the copy or its environment cannot be made, or a stage fails.
    """
    if arguments.keep is not None:
        check_folder(arguments.keep, "--keep")
    with _lock(), interruptible(), Snapshots() as snapshots:
        named, path = arguments.target
        target = find_target(named, path, snapshots)
        place = arguments.keep or COPY
        folder = place.absolute()
        LOG.unlink(missing_ok=True)
        try:
            say_error(f"reproducing {target.title}: {len(target.stages)} stages in {place}")
            copy = make_copy(folder, target, Cache(Path()))
            if copy.resumed:
                say_error("an interrupted reproduction of it goes on there")
            if arguments.this_environment:
                packages = environment.present(copy.root)
            else:
                packages = environment.pinned(copy.root, LOG.absolute(), say_error)
            for pin in packages.differing:
                say_error(f"note: {pin}")
            results = rebuild(target, copy, packages, LOG.absolute(), say_error)
            print(report.text(target, results, packages, copy, snapshots))
            return 0 if all(result.identical for result in results) else 1
        finally:
            if arguments.keep is None:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lock() -> Iterator[None]:
    """Hold the lock of the project's reproductions.

    Raises:
        UserError: if another process holds it.
    """
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("a reproduction is running in this project; wait for it to end") from None
        yield
