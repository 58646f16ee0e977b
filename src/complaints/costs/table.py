"""Costs as a table of text."""

from collections.abc import Sequence
from typing import Any

from complaints.costs.measure import CORPUS
from complaints.recommending.machine import UNKNOWN, busy_note, bytes_text, compute_text, count_text, machine_line
from complaints.reporting.markdown_table import aligned

HEADER = (
    *(
        "model",
        "parameters",
        "trained",
        "disk",
        "training",
        "examples/s",
        "latency p50",
        "p95",
        "32 texts p95",
        "texts/s",
    ),
    *(f"{CORPUS // 1000}k texts", "peak memory", "computed with"),
)


def _minutes(minutes: float) -> str:
    return f"{minutes:.1f} min" if minutes >= 1 else f"{minutes * 60:.1f} s"


def _cells(cost: dict[str, Any]) -> list[str]:
    time, compute = cost["training"]["time"], cost["compute"]
    rate = time and time["examples_per_second"]
    return [
        cost["model"],
        count_text(cost["parameters"]["total"]),
        count_text(cost["parameters"]["trained"]),
        bytes_text(cost["disk_bytes"]),
        UNKNOWN if time is None else _minutes(time["seconds"] / 60),
        UNKNOWN if not rate else f"{rate:,.0f}",
        f"{cost['latency']['p50_ms']:.1f} ms",
        f"{cost['latency']['p95_ms']:.1f} ms",
        f"{cost['batch']['p95_ms']:.1f} ms",
        f"{cost['throughput']['texts_per_second']:,.0f}",
        _minutes(cost["throughput"][f"minutes_for_{CORPUS}"]),
        bytes_text(cost["peak_memory_bytes"]),
        compute_text(compute),
    ]


def table(costs: Sequence[dict[str, Any]]) -> str:
    """Return a table with a row per model, and under it the machine and the texts; costs are those of one run."""
    numbers = [False, *[True] * (len(HEADER) - 2), False]
    lines = ["  ".join(cells).rstrip() for cells in aligned([HEADER, *map(_cells, costs)], numbers)]
    speed, characters = costs[0]["throughput"], costs[0]["characters_per_text"]
    lines += [
        "",
        machine_line(costs[0]) + busy_note(costs),
        f"Texts: {speed['texts']:,} of the test split, of {characters:,.0f} characters on average. Latency is that of "
        f"{costs[0]['latency']['texts']} single ones.",
    ]
    unknown = [cost["model"] for cost in costs if cost["training"]["time"] is None]
    if unknown:
        lines.append(f"Training time is known where a model was trained; not here: {', '.join(unknown)}.")
    return "\n".join(lines)
