"""Costs of rows: those of their models, an ensemble takes the sum of its parts; prices follow the device."""

from pathlib import Path
from typing import Any

import pytest

from complaints.core.csv_files import write_csv
from complaints.deciding.rule import DecisionRule, write_rule
from complaints.recommending.machine import busy_note
from complaints.recommending.options import Option, read_options
from complaints.recommending.params import PricesParams

PRICES = PricesParams(cpu_hour=0.1, gpu_hour=0.6)


def cost(model: str, latency: float, device: str = "cpu", seconds: float | None = 60.0) -> dict[str, Any]:
    return {
        "model": model,
        "latency": {"p50_ms": latency, "p95_ms": 2 * latency},
        "batch": {"p50_ms": 3 * latency, "p95_ms": 4 * latency},
        "throughput": {"texts_per_second": 1000.0 / latency},
        "disk_bytes": 10_000_000,
        "peak_memory_bytes": 500_000_000,
        "training": {"time": None if seconds is None else {"seconds": seconds}},
        "compute": {"device": device},
    }


def options(folder: Path, *costs: dict[str, Any]) -> dict[str, Option]:
    names = ("majority", "tfidf", "tfidf-adjusted", "net", "other", "ensemble-adjusted")
    header = ["model", "split", *(f"{m}{end}" for m in ("accuracy", "macro_f1") for end in ("", "_low", "_high"))]
    values = {"validation": 0.4, "test": 0.5}
    lines = [[name, split, value, 0.1, 0.9, value, 0.2, 0.8] for name in names for split, value in values.items()]
    write_csv(folder / "scoreboard.csv", header, lines)
    weights = {"tfidf": 0.7, "net": 0.3, "other": 0.0}
    write_rule(folder / "rules", "ensemble", DecisionRule(weights=weights, temperature=1.0, tau=0.0, train_rows=[1]))
    found = read_options(folder, folder / "rules", {cost["model"]: cost for cost in costs}, PRICES)
    return {option.name: option for option in found}


def test_an_ensemble_takes_the_sum_of_its_parts(tmp_path: Path) -> None:
    found = options(tmp_path, cost("tfidf", 1.0), cost("net", 8.0))
    assert list(found) == ["tfidf", "tfidf-adjusted", "net", "ensemble-adjusted"]  # `other` was not measured
    assert found["tfidf-adjusted"].costs == found["tfidf"].costs
    both = found["ensemble-adjusted"].costs
    assert both["p95_ms"] == 18.0
    assert both["batch_p50_ms"] == 27.0
    assert both["minutes_per_million"] == pytest.approx(1e6 * 0.009 / 60)
    assert both["euros_per_million"] == pytest.approx(1e6 * 0.009 / 3600 * 0.1)
    assert both["memory_mb"] == 1000.0
    assert both["training_minutes"] == 2.0


def test_scores_on_validation_choose_and_those_on_test_are_shown(tmp_path: Path) -> None:
    found = options(tmp_path, cost("tfidf", 1.0))["tfidf"]
    assert found.value("macro_f1") == 0.4
    assert found.test["macro_f1"] == (0.5, 0.2, 0.8)


def test_a_part_on_a_gpu_has_its_price_and_makes_the_row_one_of_a_gpu(tmp_path: Path) -> None:
    found = options(tmp_path, cost("tfidf", 1.0), cost("net", 8.0, "cuda (H100)", seconds=None))
    assert {name: option.device for name, option in found.items()} == {
        "tfidf": "cpu",
        "tfidf-adjusted": "cpu",
        "net": "gpu",
        "ensemble-adjusted": "gpu",
    }
    price = found["ensemble-adjusted"].costs["euros_per_million"]
    assert price == pytest.approx(1e6 / 3600 * (0.001 * 0.1 + 0.008 * 0.6))
    assert found["ensemble-adjusted"].costs["training_minutes"] is None


def test_a_busy_machine_is_named() -> None:
    def of(load: float) -> dict[str, Any]:
        return {"load_average": load, "machine": {"cores": 2}}

    assert busy_note([of(2.0), of(3.5)]) == ""
    assert busy_note([of(2.0), of(16.2)]).startswith(" It was busy (load 16.2 on 2 cores)")
