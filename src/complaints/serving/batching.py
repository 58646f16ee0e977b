"""Micro-batches: texts of many requests, computed together by one thread, sorted by length, shortest first.

The queue is bounded in texts. A round takes the oldest waiting texts, a few of each request, so that a request of a
thousand texts does not keep others waiting. A round is sorted by length and computed in chunks; the answers of a chunk
leave while the next one is computed. All texts of a request have the model that was there when it came.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from complaints.core.errors import UserError
from complaints.serving.served import Row, Served

ROUND_TEXTS = 64
"""Texts of a round at most."""
SHARE_TEXTS = 32
"""Texts of one request in a round at most."""
CHUNK_CHARACTERS = 8192
"""Characters of a chunk at most, about as many as 2,048 tokens have; a longer text is a chunk of its own."""
TOKEN_CHARACTERS = 5
"""Characters of a token; those beyond the longest input cost nothing."""
GATHER_SECONDS = 0.002
"""Wait for other requests after an idle moment, if the last round had texts of several."""
JOBS = 8
"""Jobs, such as explanations, that are begun or may wait."""


class QueueFull(Exception):
    """The queue has no room for a request."""


@dataclass(eq=False)
class _Request:
    """Texts of one request, the model that labels them all, and the future of its rows."""

    served: Served
    texts: list[str]
    future: "asyncio.Future[list[Row]]"
    taken: int = 0
    missing: int = 0
    rows: list[Row | None] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Job:
    """A computation in parts, such as an explanation, and the future of its result."""

    parts: Generator[None, None, Any]
    future: "asyncio.Future[Any]"


_Item = tuple[_Request, int]


class Batcher:
    """A thread that labels the texts of all requests, and between two rounds does a part of the first job."""

    def __init__(self, served: Served, queue_texts: int, observe: Callable[[int, float], None]) -> None:
        """Start the thread.

        Args:
            served: The model.
            queue_texts: Texts that may wait.
            observe: Called with the number of texts of each chunk and its seconds.
        """
        self.served, self.queue_texts, self.observe = served, queue_texts, observe
        self.waiting: deque[_Request] = deque()
        self.jobs: deque[_Job] = deque()
        self.queued = 0
        """Texts that no round has taken yet."""
        self.changed = threading.Condition()
        self.closing = False
        self.last_requests = 0
        self.thread = threading.Thread(target=self._run, name="model", daemon=True)
        self.thread.start()

    def submit(self, texts: list[str], served: Served) -> "asyncio.Future[list[Row]]":
        """Queue texts and return the future of their rows; to be called in the event loop.

        Args:
            texts: At least one.
            served: The model that labels them all.

        Raises:
            QueueFull: if there is no room for all of them.
        """
        future: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        with self.changed:
            if self.queued + len(texts) > self.queue_texts:
                raise QueueFull
            self.queued += len(texts)
            self.waiting.append(_Request(served, texts, future, 0, len(texts), [None] * len(texts)))
            self.changed.notify()
        return future

    def call(self, job: Callable[[Served], Generator[None, None, Any]]) -> "asyncio.Future[Any]":
        """Queue a job for the model's thread; to be called in the event loop.

        Args:
            job: A generator function; texts are labelled where it yields, and what it returns is the result.

        Raises:
            QueueFull: if there are JOBS jobs.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        with self.changed:
            if len(self.jobs) >= JOBS:
                raise QueueFull
            self.jobs.append(_Job(job(self.served), future))
            self.changed.notify()
        return future

    def replace(self, served: Served) -> None:
        """Label the texts of later requests with another model."""
        self.served = served

    def close(self) -> None:
        """End the thread after everything that waits."""
        with self.changed:
            self.closing = True
            self.changed.notify()
        self.thread.join()

    def _run(self) -> None:
        while True:
            with self.changed:
                was_idle = not (self.waiting or self.jobs)
                while not (self.waiting or self.jobs or self.closing):
                    self.changed.wait()
                if not (self.waiting or self.jobs):
                    return
            if was_idle and self.last_requests > 1 and not self.jobs:
                time.sleep(GATHER_SECONDS)
            with self.changed:
                taken = self._take()
                job = self.jobs[0] if self.jobs else None
            self.last_requests = len({id(request) for request, _ in taken})
            for served in dict.fromkeys(request.served for request, _ in taken):
                own = [item for item in taken if item[0].served is served]
                for chunk in chunks(own, served.max_length):
                    self._label(served, chunk)
            if job is not None and _ends(job):
                with self.changed:
                    self.jobs.popleft()

    def _take(self) -> list[_Item]:
        """Take the texts of a round; requests that nobody waits for any more are dropped."""
        taken: list[_Item] = []
        for _ in range(len(self.waiting)):
            request = self.waiting.popleft()
            left = len(request.texts) - request.taken
            if request.future.cancelled():
                self.queued -= left
                continue
            share = min(left, SHARE_TEXTS, ROUND_TEXTS - len(taken))
            taken += [(request, request.taken + i) for i in range(share)]
            request.taken += share
            self.queued -= share
            if share < left:
                self.waiting.append(request)
            if len(taken) == ROUND_TEXTS:
                break
        return taken

    def _label(self, served: Served, chunk: list[_Item]) -> None:
        start = time.perf_counter()
        try:
            rows = served.rows([request.texts[index] for request, index in chunk])
        except Exception as error:  # of the model: those requests fail, the thread goes on
            for request in {id(request): request for request, _ in chunk}.values():
                _resolve(request.future, error)
            return
        self.observe(len(chunk), time.perf_counter() - start)
        for (request, index), row in zip(chunk, rows, strict=True):
            request.rows[index] = row
            request.missing -= 1
            if not request.missing:
                _resolve(request.future, request.rows)


def _ends(job: _Job) -> bool:
    """Do the next part of a job, and return whether there is no other; nobody waits for one that was cancelled."""
    if job.future.cancelled():
        job.parts.close()
        return True
    try:
        next(job.parts)
    except StopIteration as end:
        _resolve(job.future, end.value)
    except Exception as error:  # of the job: it alone fails
        _resolve(job.future, error)
    else:
        return False
    return True


def _resolve(future: "asyncio.Future[Any]", result: Any) -> None:
    """Give a future its result, or the exception that is one, in its event loop."""

    def give() -> None:
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

    try:
        future.get_loop().call_soon_threadsafe(give)
    except RuntimeError as error:  # the loop was closed: nobody waits
        if "closed" not in str(error):
            raise


def chunks(items: list[_Item], max_length: int | None) -> list[list[_Item]]:
    """Return the chunks of a round, shortest texts first; the characters of a chunk fit the budget.

    Args:
        items: The texts of the round.
        max_length: The longest input in tokens; None if the whole text counts.
    """
    most = CHUNK_CHARACTERS if max_length is None else min(CHUNK_CHARACTERS, max_length * TOKEN_CHARACTERS)
    result: list[list[_Item]] = []
    costs = [min(len(request.texts[index]), most) for request, index in items]
    for cost, place in sorted(zip(costs, range(len(items)), strict=True)):
        # Sorted by length, so this text is the longest of its chunk so far.
        if not result or cost * (len(result[-1]) + 1) > CHUNK_CHARACTERS:
            result.append([])
        result[-1].append(items[place])
    return result


def failure(error: BaseException) -> str:
    """Return one line on a failed computation; other exceptions than UserError are named without their text."""
    return str(error) if isinstance(error, UserError) else f"the model failed ({type(error).__name__})"
