"""Processes measured in turns, so that other load on the machine affects all of them alike."""

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
    """Clock of a measured process, as the process itself sees it."""

    def __init__(self, connection: Connection) -> None:
        """Report over `connection`."""
        self.connection = connection

    def start(self) -> None:
        """Start the time; the process sleeps until its first turn."""
        self.connection.send("ready")
        os.kill(os.getpid(), signal.SIGSTOP)

    def stop(self) -> None:
        """Stop the time."""
        self.connection.send("done")


@dataclass
class MeasuredProcess:
    """A process and the seconds for which it has run."""

    process: Any
    connection: Connection
    seconds: float = 0.0

    def resume(self) -> bool:
        """Let the process run for one slice or until its clock stops; return whether the clock stopped."""
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
    """Run `work(clock, *arguments)` in one process per name; return seconds and result by name.

    Args:
        work: A function of a module. It calls `clock.start()` before and `clock.stop()` after the measured code.
        arguments: Arguments of `work` by name.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[str, MeasuredProcess] = {}
    for name, values in arguments.items():
        here, there = context.Pipe()
        process = context.Process(target=_run, args=(there, work, values), daemon=True)
        process.start()
        there.close()
        here.recv()
        running[name] = MeasuredProcess(process, here)
    results = {}
    while running:
        for name, measured in list(running.items()):
            if measured.resume():
                results[name] = (measured.seconds, measured.connection.recv())
                measured.process.join()
                del running[name]
    return {name: results[name] for name in arguments}


def _run(connection: Connection, work: Callable[..., Any], values: tuple[Any, ...]) -> None:
    connection.send(work(Clock(connection), *values))
