"""Processes that a process started."""

from pathlib import Path


def children_of(process: int) -> list[int]:
    """Return the ids of the child processes."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def descendants_of(process: int) -> list[int]:
    """Return the ids of the child processes, of their children, and so on."""
    children = children_of(process)
    return [*children, *(found for child in children for found in descendants_of(child))]


def title_of(process: int) -> str:
    """Return the command line of a process, or the title that it gave itself."""
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
