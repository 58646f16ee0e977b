"""Pareto front of macro-F1 and latency: what dominates is kept, an ensemble takes the time of its parts."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from complaints.core.csv_files import write_csv
from complaints.costs.pareto import Option, front, read_costs, read_options
from complaints.deciding.rule import DecisionRule, write_rule


def option(latency: float, score: float) -> Option:
    return Option("m", (0.5, 0.4, 0.6), (score, score, score), latency, 2 * latency, 1.0, 1)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1))
def test_the_front_is_what_nothing_dominates(pairs: list[tuple[int, int]]) -> None:
    options = [option(latency, score / 10) for latency, score in pairs]
    kept = {(o.latency_p50, o.macro_f1[0]) for o in front(options)}
    assert kept == {
        (latency, score / 10)
        for latency, score in pairs
        if not any(a <= latency and b >= score and (a, b) != (latency, score) for a, b in pairs)
    }


def cost(folder: Path, model: str, latency: float, cores: int = 2) -> None:
    value = {
        "model": model,
        "machine": {"processor": "P", "cores": cores, "memory_bytes": 1},
        "latency": {"p50_ms": latency, "p95_ms": 2 * latency},
        "throughput": {"minutes_for_64000": latency},
        "disk_bytes": 10,
    }
    folder.mkdir(exist_ok=True)
    (folder / f"{model}.json").write_text(json.dumps(value))


def test_an_ensemble_takes_the_time_of_its_parts(tmp_path: Path) -> None:
    names = ("majority", "tfidf", "tfidf-adjusted", "net", "other", "ensemble-adjusted")
    header = ["model", "split", *(f"{m}{end}" for m in ("accuracy", "macro_f1") for end in ("", "_low", "_high"))]
    write_csv(tmp_path / "scoreboard.csv", header, [[n, s, *[0.5] * 6] for n in names for s in ("validation", "test")])
    weights = {"tfidf": 0.7, "net": 0.3, "other": 0.0}
    write_rule(tmp_path / "rules", "ensemble", DecisionRule(weights=weights, temperature=1.0, tau=0.0, train_rows=[1]))
    cost(tmp_path / "costs", "tfidf", 1.0)
    cost(tmp_path / "costs", "net", 8.0)
    options = {o.name: o for o in read_options(tmp_path, tmp_path / "rules", read_costs(tmp_path / "costs"))}
    assert set(options) == {"tfidf", "tfidf-adjusted", "net", "ensemble-adjusted"}  # `other` was not measured
    assert options["tfidf-adjusted"].latency_p50 == 1.0
    assert (options["ensemble-adjusted"].latency_p50, options["ensemble-adjusted"].disk_bytes) == (9.0, 20)


def test_only_measurements_of_one_machine_are_compared(tmp_path: Path) -> None:
    cost(tmp_path / "costs", "tfidf", 1.0, cores=64)
    cost(tmp_path / "costs", "net", 8.0)
    assert set(read_costs(tmp_path / "costs")) == {"net"}
