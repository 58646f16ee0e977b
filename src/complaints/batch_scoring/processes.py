"""Local executor: several processes, each with its own model and one thread, so that their number changes no byte."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice

from complaints.batch_scoring.plan import Shard
from complaints.batch_scoring.shard import Job, Scorer
from complaints.core.errors import UserError
from complaints.core.orphans import die_with_dvc

ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
"""Variables that hold torch, ONNX Runtime and tokenizers to one thread; the number of threads may change roundings."""

_scorer: Scorer | None = None


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _start(job: Job) -> None:
    global _scorer
    die_with_dvc()  # or with any other parent
    _scorer = Scorer(job)


def _score(shard: Shard) -> int:
    assert _scorer is not None
    return _scorer.score(shard)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Raise KeyboardInterrupt after the body only: workers that start in it are complete, and inherit a blocked SIGINT.

    Ctrl-C reaches all processes of a terminal; here the parent alone takes it, and ends the workers.
    """
    taken: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: taken.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if taken:
        raise KeyboardInterrupt


def score_locally(job: Job, shards: list[Shard], workers: int) -> Iterator[int]:
    """Score shards in processes, and yield the number of rows of each as it is done.

    Raises:
        UserError: if a shard cannot be scored, or a process was killed; what is done stays.
    """
    os.environ.update(ONE_THREAD)
    context = multiprocessing.get_context("spawn")
    waiting = iter(shards)
    with ProcessPoolExecutor(min(workers, len(shards)), context, _start, (job,)) as pool:
        try:
            with _interrupts_later():
                running: set[Future[int]] = {pool.submit(_score, shard) for shard in islice(waiting, workers + 1)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                running |= {pool.submit(_score, shard) for shard in islice(waiting, len(done))}
        except BrokenProcessPool:
            raise UserError(
                "a worker process ended, killed or out of memory; run the same command again to go on, with fewer "
                "--workers if memory was short"
            ) from None
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            # Shards are done completely or not at all, and this process would wait for workers that are in one.
            for worker in multiprocessing.active_children():
                worker.kill()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
