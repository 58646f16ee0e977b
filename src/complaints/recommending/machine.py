"""Machine of a measurement, and sizes, as text."""

from collections.abc import Iterable, Mapping
from typing import Any

UNKNOWN = "-"
BUSY = 1.75
"""Load for each core that a measurement alone, and the one before it, do not reach."""
LENGTHS = ("short", "medium", "long")
"""Thirds of the measured texts by their number of characters."""


def count_text(number: int | None) -> str:
    """Return a number with two or three digits and its power: 1.6 M."""
    if number is None:
        return UNKNOWN
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)


def bytes_text(number: int | None) -> str:
    """Return a number of bytes with its unit."""
    return UNKNOWN if number is None else f"{count_text(number)}B"


def machine_line(cost: Mapping[str, Any]) -> str:
    """Return the line that names the machine of a measurement."""
    machine = cost["machine"]
    memory = bytes_text(machine["memory_bytes"])
    return f"Machine: {machine['processor']}, {machine['cores']} cores, {memory} of memory."


def busy_note(costs: Iterable[Mapping[str, Any]]) -> str:
    """Return a warning if the machine had other work while it measured, "" if not."""
    cost = max(costs, key=lambda cost: float(cost.get("load_average") or 0.0))
    load, cores = cost.get("load_average") or 0.0, cost["machine"]["cores"]
    if load <= BUSY * cores:
        return ""
    return f" It was busy (load {load:.1f} on {cores} cores): times are too long; measure again when it is idle."


def compute_text(compute: Mapping[str, Any]) -> str:
    """Return device, precision and threads of a computation."""
    threads = f"{compute['threads']} thread{'s' if compute['threads'] > 1 else ''}"
    return ", ".join(str(part) for part in (compute["device"], compute["precision"], threads) if part)
