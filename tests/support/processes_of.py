"""Processes that a process started; those that end meanwhile are left out."""

from contextlib import suppress

import psutil


def children_of(process: int) -> list[int]:
    """Return the ids of the child processes."""
    return [child.pid for child in psutil.Process(process).children()]


def descendants_of(process: int) -> dict[int, str]:
    """Return the titles of the child processes, of their children, and so on, by their ids.

    A title is the command line, or what the process has written over it.
    """
    titles = {}
    for child in psutil.Process(process).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            titles[child.pid] = " ".join(child.cmdline())
    return titles
