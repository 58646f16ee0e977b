"""Options: rows of the scoreboard with measured costs and with their scores on both held-out splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core.csv_files import read_csv
from complaints.deciding.row_names import ENSEMBLE, FLOOR, model_of
from complaints.deciding.rule import read_rule
from complaints.recommending.measures import SCORES
from complaints.recommending.params import PricesParams
from complaints.report.tables import Line, interval, number

MILLION = 1_000_000
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Option:
    """A row of the scoreboard whose models were all measured."""

    name: str
    device: str
    """`cpu`, or `gpu` if a model of it was measured on one."""
    costs: Mapping[str, float | None]
    """Measure -> value, those of an ensemble's parts added; None if it is not known."""
    validation: Mapping[str, float]
    """Score -> value on validation, by which options are chosen."""
    test: Mapping[str, tuple[float, float, float]]
    """Score -> value on test, and the ends of its 95 % interval."""

    def value(self, measure: str) -> float | None:
        """Return the value by which a measure is constrained: a cost, or a score on validation."""
        return self.costs[measure] if measure in self.costs else self.validation.get(measure)


def read_options(
    evaluation: Path, rules: Path, measured: Mapping[str, Mapping[str, Any]], prices: PricesParams
) -> list[Option]:
    """Return the rows of the scoreboard whose models were all measured, in its order, except the majority class.

    Raises:
        UserError: if the scoreboard or the ensemble's rule is missing or broken.
    """
    lines: dict[str, dict[str, Line]] = {"validation": {}, "test": {}}
    for line in read_csv(evaluation / "scoreboard.csv", ("model", "split", "accuracy", "macro_f1")):
        if line["split"] in lines and line["model"] != FLOOR:
            lines[line["split"]][line["model"]] = line
    options = []
    for name, tested in lines["test"].items():
        parts = _parts(name, rules)
        if all(part in measured for part in parts):
            costs = [measured[part] for part in parts]
            options.append(
                Option(
                    name=name,
                    device="cpu" if all(_on_cpu(cost) for cost in costs) else "gpu",
                    costs=_costs(costs, prices),
                    validation=_scores(lines["validation"].get(name, {})),
                    test={score: found for score in SCORES if (found := interval(tested, score))},
                )
            )
    return options


def _parts(row: str, rules: Path) -> list[str]:
    """Return the models that compute a row of the scoreboard: of an ensemble, those with weight."""
    model = model_of(row)
    if model != ENSEMBLE:
        return [model]
    return [name for name, weight in read_rule(rules, ENSEMBLE).weights.items() if weight > 0]


def _scores(line: Line) -> dict[str, float]:
    return {score: value for score in SCORES if (value := number(line, score)) is not None}


def _on_cpu(cost: Mapping[str, Any]) -> bool:
    return str(cost["compute"]["device"]).startswith("cpu")


def _costs(costs: Sequence[Mapping[str, Any]], prices: PricesParams) -> dict[str, float | None]:
    """Return the costs of models that compute a row one after the other."""
    minutes = [MILLION / cost["throughput"]["texts_per_second"] / 60 for cost in costs]
    hourly = [prices.cpu_hour if _on_cpu(cost) else prices.gpu_hour for cost in costs]
    return {
        **{f"{p}_ms": _sum(cost["latency"][f"{p}_ms"] for cost in costs) for p in ("p50", "p95")},
        **{f"batch_{p}_ms": _sum(cost.get("batch", {}).get(f"{p}_ms") for cost in costs) for p in ("p50", "p95")},
        "minutes_per_million": sum(minutes),
        "euros_per_million": sum(a / 60 * b for a, b in zip(minutes, hourly, strict=True)),
        "memory_mb": _sum(_divided(cost["peak_memory_bytes"], MEGABYTE) for cost in costs),
        "disk_mb": _sum(_divided(cost["disk_bytes"], MEGABYTE) for cost in costs),
        "training_minutes": _sum(_divided((cost["training"]["time"] or {}).get("seconds"), 60) for cost in costs),
    }


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def _sum(values: Any) -> float | None:
    """Return the sum of values, None if one is None."""
    found = list(values)
    return None if None in found else sum(found)
