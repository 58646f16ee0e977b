"""Processes that a process started."""

from pathlib import Path


def children_of(process: int) -> list[int]:
    """Return the ids of the child processes."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
