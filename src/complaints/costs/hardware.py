"""Hardware of this machine, as far as times depend on it; without torch."""

import os
import platform
from pathlib import Path
from typing import Any


def _field(file: str, name: str) -> str | None:
    """Return the first value of a field in one of /proc's files of `name : value` lines, None if it is not there."""
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next(
        (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name), None
    )


def _kilobytes(file: str, name: str) -> int | None:
    """Return a field such as `1234 kB` in bytes, None if it is not there."""
    value = _field(file, name)
    return None if value is None else int(value.split()[0]) * 1024


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory in bytes and system."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "memory_bytes": _kilobytes("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def peak_memory() -> int | None:
    """Return the largest resident memory that this process had so far, in bytes; None where the system has no /proc.

    The number of getrusage(2) would not do: a process inherits it from the one that started it.
    """
    return _kilobytes("/proc/self/status", "VmHWM")
