"""Processes that are measured in turns, so that whatever else a machine does hits all alike."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

SLICE_SECONDS = 3.0


class Clock:
    """The process's own end of a measurement."""

    def __init__(self, connection: Connection) -> None:
        """Report over `connection`."""
        self.connection = connection

    def begin(self) -> None:
        """Stand still until it is this process's turn; time counts from here."""
        self.connection.send("ready")
        os.kill(os.getpid(), signal.SIGSTOP)

    def end(self) -> None:
        """Stop the time."""
        self.connection.send("done")


@dataclass
class Runner:
    """A process, and for how long it has run."""

    process: Any
    connection: Connection
    seconds: float = 0.0

    def go_on(self) -> bool:
        """Let the process run for one slice, or to its end if that comes first, and tell whether it did."""
        start = time.perf_counter()
        os.kill(self.process.pid, signal.SIGCONT)
        done = self.connection.poll(SLICE_SECONDS)
        self.seconds += time.perf_counter() - start
        if done:
            self.connection.recv()
        else:
            os.kill(self.process.pid, signal.SIGSTOP)
        return done


def take_turns(work: Callable[..., Any], arguments: dict[str, tuple[Any, ...]]) -> dict[str, tuple[float, Any]]:
    """Run `work(clock, *arguments)` in one process for each name; return its seconds and what it returned.

    Args:
        work: A function of a module; it calls the clock's `begin` before and `end` after what is to be measured.
        arguments: What to call it with, by name.
    """
    context = multiprocessing.get_context("spawn")
    waiting: dict[str, Runner] = {}
    for name, values in arguments.items():
        here, there = context.Pipe()
        process = context.Process(target=_run, args=(there, work, values), daemon=True)
        process.start()
        there.close()
        here.recv()
        waiting[name] = Runner(process, here)
    results = {}
    while waiting:
        for name, runner in list(waiting.items()):
            if runner.go_on():
                results[name] = (runner.seconds, runner.connection.recv())
                runner.process.join()
                del waiting[name]
    return {name: results[name] for name in arguments}


def _run(connection: Connection, work: Callable[..., Any], values: tuple[Any, ...]) -> None:
    connection.send(work(Clock(connection), *values))
