"""Files that come back labelled: the reader and writer of `complaints predict` over the server's model."""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool

from complaints.core.errors import UserError
from complaints.deciding.rule import Decisions
from complaints.predicting.labelling import Labelled, label_file
from complaints.predicting.predictors import Decider, Done, ignore
from complaints.predicting.request import SUFFIXES, TEXT_COLUMN, checked_file
from complaints.serving.served import Row, Served
from complaints.serving.service import Service

STEP_TEXTS = 64
"""Texts of a file that are in the queue at a time."""
PATIENCE_SECONDS = 0.05
"""Pause before another attempt where the queue is full: requests come first."""
LOOP_SECONDS = 0.5
"""Time between two looks at whether the server has ended."""


@dataclass(frozen=True)
class QueuedDecider(Decider):
    """The server's model, asked from another thread through the queue of all requests."""

    service: Service | None = None
    served: Served | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def decide(self, texts: list[str], done: Done = ignore) -> Decisions:
        """Return the decisions on texts, [texts, classes], in the columns of `labels`.

        Raises:
            UserError: if the model fails, or the server ended.
        """
        assert self.service is not None
        assert self.served is not None
        assert self.loop is not None
        probabilities = np.empty((len(texts), len(self.labels)))
        scores = np.empty_like(probabilities)
        for start in range(0, len(texts), STEP_TEXTS):
            step = texts[start : start + STEP_TEXTS]
            future = asyncio.run_coroutine_threadsafe(_labelled(self.service, self.served, step), self.loop)
            # The loop may end between two steps; nothing would wake this thread, and the process would wait for it.
            while not wait([future], LOOP_SECONDS).done:
                if self.loop.is_closed():
                    raise UserError("the server ended")
            rows = future.result()
            for place, row in enumerate(rows, start):
                probabilities[place, row.order] = row.probabilities
                scores[place, row.order] = -np.arange(len(self.labels))
            done(len(step))
        return Decisions(np.log(np.maximum(probabilities, 1e-300)), scores)


async def _labelled(service: Service, served: Served, texts: list[str]) -> list[Row]:
    while True:
        try:
            return await service.label(texts, served)
        except HTTPException as error:
            if error.status_code != 429:
                raise UserError(str(error.detail)) from None
        await asyncio.sleep(PATIENCE_SECONDS)


@dataclass(frozen=True)
class FileOptions:
    """Reader of a file, and the format of its answer."""

    name: str
    text_column: str = TEXT_COLUMN
    encoding: str = "utf-8"
    id_column: str | None = None
    keep: tuple[str, ...] = ()
    suffix: str = ".csv"


async def label_upload(
    service: Service, body: AsyncIterator[bytes], options: FileOptions, folder: Path
) -> tuple[Path, Labelled]:
    """Label a file that arrives, and return the labelled file in `folder` and the counts of its rows.

    Raises:
        UserError: as `complaints predict` does, with the name that the sender gave.
    """
    name = Path(options.name.replace("\\", "/")).name
    if not name or len(name.encode()) > 200 or not name.isprintable() or name.startswith("."):
        raise UserError("name the file, such as name=complaints.csv")
    if options.suffix not in SUFFIXES:
        raise UserError(f"format: {options.suffix!r} is none of {', '.join(SUFFIXES)}")
    source, target = folder / name, folder / "answer" / f"labelled{options.suffix}"
    target.parent.mkdir()
    with open(source, "wb") as stream:
        async for part in body:
            await run_in_threadpool(stream.write, part)
    arguments = argparse.Namespace(
        input=source,
        output=target,
        text_column=options.text_column,
        id_column=options.id_column,
        keep=list(options.keep),
        encoding=options.encoding,
        explain=False,
    )
    served = service.served
    model = QueuedDecider(served.decider.parts, served.decider.rule, service, served, asyncio.get_running_loop())

    def work() -> Labelled:
        request = checked_file(arguments, [], served.least)
        return label_file(model, request, request.batches())

    try:
        return target, await run_in_threadpool(work)
    except UserError as error:
        raise UserError(_as_sent(str(error), source)) from None


def _as_sent(message: str, source: Path) -> str:
    """Return a message of the command with the names of the request."""
    message = message.replace(str(source), source.name)
    for parameter in ("text_column", "id_column", "encoding", "keep"):
        message = message.replace(f"--{parameter.replace('_', '-')}", parameter)
    return message


def upload_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new temporary folder for a file and its answer."""
    return tempfile.TemporaryDirectory(prefix="complaints-", ignore_cleanup_errors=True)
