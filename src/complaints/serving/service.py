"""State of a running server: the model, its thread, metrics and log, and what loads the model again."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator
from typing import Any

from fastapi import HTTPException

from complaints.core.errors import UserError, say_error
from complaints.serving.batching import Batcher, QueueFull, failure
from complaints.serving.inference_log import InferenceLog
from complaints.serving.metrics import Metrics
from complaints.serving.served import Row, Served, load_served
from complaints.serving.settings import Settings

RETRY_SECONDS = 1


class Service:
    """One model that answers requests."""

    def __init__(self, settings: Settings, served: Served) -> None:
        """Start the model's thread, and open the log."""
        self.settings, self.draining = settings, False
        self.metrics = Metrics()
        self.batcher = Batcher(served, settings.queue_texts, self.metrics.computed)
        self.metrics.waiting.set_function(lambda: self.batcher.queued)
        self.log = None if settings.log is None else InferenceLog(settings.log, self.metrics.lost_log_rows.inc)
        self.loading = asyncio.Lock()
        self._named()

    @property
    def served(self) -> Served:
        """Return the model."""
        return self.batcher.served

    def _named(self) -> None:
        self.metrics.model.info({"name": self.served.name, "digest": self.served.digest})

    async def label(self, texts: list[str], served: Served) -> list[Row]:
        """Return the decisions on texts that are not blank, all by one model.

        Raises:
            HTTPException: if the queue is full (429), the time is over (504), or the model fails (500).
        """
        if not texts:
            return []
        start = time.perf_counter()
        rows: list[Row] = await self._in_time(lambda: self.batcher.submit(texts, served))
        for row in rows:
            self.metrics.predictions.labels(row.label).inc()
        self.metrics.unsure.inc(sum(row.unsure for row in rows))
        if self.log is not None:
            self.log.add(texts, rows, time.perf_counter() - start)
        return rows

    async def call(self, job: Callable[[Served], Generator[None, None, Any]]) -> Any:
        """Return the result of a job in the model's thread, which labels texts between the job's parts.

        Raises:
            HTTPException: as `label` does.
        """
        return await self._in_time(lambda: self.batcher.call(job))

    async def _in_time(self, submit: Callable[[], "asyncio.Future[Any]"]) -> Any:
        try:
            return await asyncio.wait_for(submit(), self.settings.limits.seconds)
        except QueueFull:
            wait = {"Retry-After": str(RETRY_SECONDS)}
            raise HTTPException(429, "the queue is full; send the request again later", wait) from None
        except TimeoutError:
            raise HTTPException(504, f"no answer within {self.settings.limits.seconds:g} seconds") from None
        except HTTPException:
            raise
        except Exception as error:  # of the model
            raise HTTPException(500, failure(error)) from None

    async def reload(self) -> Served:
        """Load the model's files again; the queued texts wait for nothing, and an error keeps the model that is there.

        Raises:
            UserError: if the model cannot be loaded, whatever is wrong with its files.
        """
        async with self.loading:
            try:
                served = await asyncio.to_thread(load_served, self.settings)
            except Exception as error:
                self.metrics.reloads.labels("failed").inc()
                if isinstance(error, UserError):
                    raise
                raise UserError(f"{self.served.name} cannot be loaded: {failure(error)}") from error
            self.batcher.replace(served)
            self.metrics.reloads.labels("done").inc()
            self._named()
            say_error(f"serving {served.name}, {served.digest[:12]}")
            return served

    async def reload_on_signal(self) -> None:
        """Load the model again, and say on stderr why it could not be."""
        try:
            await self.reload()
        except UserError as error:
            say_error(f"error: {error}; still serving {self.served.digest[:12]}")

    async def close(self) -> None:
        """End the thread and write the rest of the log."""
        await asyncio.to_thread(self.batcher.close)
        if self.log is not None:
            with contextlib.suppress(RuntimeError):
                await asyncio.to_thread(self.log.close)
