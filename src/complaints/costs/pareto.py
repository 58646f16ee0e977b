"""Quality of the scoreboard's rows against the latency of their models, and the Pareto front of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core.csv_files import read_csv
from complaints.core.files import read_json
from complaints.costs.measure import CORPUS
from complaints.deciding.row_names import ENSEMBLE, FLOOR, model_of
from complaints.deciding.rule import read_rule
from complaints.report.tables import Line, interval

SCORES = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Option:
    """A row of the scoreboard whose models were measured."""

    name: str
    accuracy: tuple[float, float, float]
    """Value on test, and the ends of its 95 % interval."""
    macro_f1: tuple[float, float, float]
    latency_p50: float
    """Milliseconds for a single text; those of an ensemble's parts are added."""
    latency_p95: float
    minutes: float
    """Time for CORPUS complaints."""
    disk_bytes: int


def read_costs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return model -> last measurement, of the machine that was measured on last.

    Raises:
        UserError: if a file is not JSON.
    """
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    costs = [read_json(file) for file in files]
    return {cost["model"]: cost for cost in costs if cost["machine"] == costs[-1]["machine"]}


def _parts(row: str, rules: Path) -> list[str]:
    """Return the models that compute a row of the scoreboard."""
    model = model_of(row)
    if model != ENSEMBLE:
        return [model]
    return [name for name, weight in read_rule(rules, ENSEMBLE).weights.items() if weight > 0]


def _option(line: Line, costs: Sequence[Mapping[str, Any]]) -> Option | None:
    accuracy, macro_f1 = (interval(line, name) for name in SCORES)
    if accuracy is None or macro_f1 is None:
        return None
    return Option(
        name=line["model"],
        accuracy=accuracy,
        macro_f1=macro_f1,
        latency_p50=sum(cost["latency"]["p50_ms"] for cost in costs),
        latency_p95=sum(cost["latency"]["p95_ms"] for cost in costs),
        minutes=sum(cost["throughput"][f"minutes_for_{CORPUS}"] for cost in costs),
        disk_bytes=sum(cost["disk_bytes"] for cost in costs),
    )


def read_options(evaluation: Path, rules: Path, costs: Mapping[str, Mapping[str, Any]]) -> list[Option]:
    """Return the rows of the scoreboard whose models were all measured, in its order, except the majority class.

    Raises:
        UserError: if the scoreboard or the ensemble's rule is missing or broken.
    """
    columns = ("model", "split", *(f"{name}{end}" for name in SCORES for end in ("", "_low", "_high")))
    options = []
    for line in read_csv(evaluation / "scoreboard.csv", columns):
        if line["split"] == "test" and line["model"] != FLOOR:
            parts = _parts(line["model"], rules)
            if all(part in costs for part in parts) and (option := _option(line, [costs[part] for part in parts])):
                options.append(option)
    return options


def front(options: Sequence[Option]) -> list[Option]:
    """Return the Pareto front in macro-F1 and median latency, fastest first.

    No other option is at least as good as one of the front in both, and better in one.
    """
    kept: list[Option] = []
    for option in sorted(options, key=lambda option: (option.latency_p50, -option.macro_f1[0])):
        if not kept or option.macro_f1[0] > kept[-1].macro_f1[0]:
            kept.append(option)
    return kept
