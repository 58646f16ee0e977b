"""The model's thread labels texts between the parts of a job."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from complaints.predicting.choice import ModelArgument
from complaints.serving.batching import JOBS, Batcher, QueueFull
from complaints.serving.served import Served, load_served
from complaints.serving.settings import Settings

PARTS = 400


@pytest.fixture(scope="module")
def served(small_model: Path) -> Served:
    return load_served(Settings(ModelArgument("net", small_model)))


@pytest.fixture
def in_thread(served: Served) -> Callable[[Callable[[Batcher], Awaitable[None]]], None]:
    """Run a test with a thread of its own in an event loop."""

    def start(test: Callable[[Batcher], Awaitable[None]]) -> None:
        async def run() -> None:
            batcher = Batcher(served, 100, lambda count, seconds: None)
            try:
                await asyncio.wait_for(test(batcher), 60)
            finally:
                batcher.close()

        asyncio.run(run())

    return start


def parts(served: Served) -> Generator[None, None, str]:
    """A job of a second."""
    for _ in range(PARTS):
        time.sleep(1 / PARTS)
        yield
    return "done"


def test_texts_are_labelled_while_a_job_goes_on(in_thread: Any) -> None:
    async def test(batcher: Batcher) -> None:
        job = batcher.call(parts)
        for _ in range(5):
            assert len(await batcher.submit(["the bank lost my card", "a late fee"], batcher.served)) == 2
            assert not job.done()
        assert await job == "done"

    in_thread(test)


def test_a_request_has_the_model_that_was_there_when_it_came(in_thread: Any, small_model: Path) -> None:
    async def test(batcher: Batcher) -> None:
        before = batcher.served
        texts = [f"the bank lost my card {number}" for number in range(100)]
        waiting = batcher.submit(texts, before)
        batcher.replace(load_served(Settings(ModelArgument("net", small_model))))
        assert {id(row.served) for row in await waiting} == {id(before)}
        assert (await batcher.submit(["a late fee"], batcher.served))[0].served is batcher.served
        assert (await batcher.submit(["a late fee"], before))[0].served is before

    in_thread(test)


def test_a_job_that_fails_midway_fails_alone(in_thread: Any) -> None:
    def failing(served: Served) -> Generator[None, None, str]:
        yield
        raise ValueError("no gradient")

    async def test(batcher: Batcher) -> None:
        broken, whole = batcher.call(failing), batcher.call(parts)
        with pytest.raises(ValueError, match="no gradient"):
            await broken
        assert await whole == "done"
        assert len(await batcher.submit(["a late fee"], batcher.served)) == 1

    in_thread(test)


def test_a_job_that_nobody_waits_for_ends(in_thread: Any) -> None:
    def endless(served: Served) -> Generator[None, None, str]:
        while True:
            yield

    async def test(batcher: Batcher) -> None:
        job = batcher.call(endless)
        await batcher.submit(["a late fee"], batcher.served)
        job.cancel()
        assert await batcher.call(parts) == "done"

    in_thread(test)


def test_more_jobs_than_may_wait_are_refused(in_thread: Any) -> None:
    async def test(batcher: Batcher) -> None:
        jobs = [batcher.call(parts) for _ in range(JOBS)]
        with pytest.raises(QueueFull):
            batcher.call(parts)
        for job in jobs[1:]:
            job.cancel()
        assert await jobs[0] == "done"

    in_thread(test)
