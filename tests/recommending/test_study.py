"""Recommendation from files: the same bytes each time, shown by the document, the page and the memo."""

import re
from pathlib import Path
from typing import Any

import pytest
from support import evaluation_data

from complaints.core import paths
from complaints.core.csv_files import read_csv
from complaints.core.files import read_json
from complaints.recommending.document import UNMEASURED, markdown, write_folder
from complaints.recommending.options import read_options
from complaints.recommending.pairs import read_pairs
from complaints.recommending.params import PricesParams, UseCase
from complaints.recommending.study import Study, study
from complaints.report.memo import memo
from complaints.report.page import render
from complaints.report.recommendation import read_recommendation
from complaints.report.tables import Tables, read_tables

CASES = {
    "fast": {"about": "A <fast> one.", "device": "any", "constraints": {"p95_ms": 5.0}, "objective": "macro_f1"},
    "tight": {"about": "Too much.", "device": "any", "constraints": {"disk_mb": 0.001}, "objective": "macro_f1"},
}


def cost(model: str, latency: float) -> dict[str, Any]:
    part = {"p50_ms": latency, "p95_ms": latency, "characters": [10, 20]}
    return {
        "model": model,
        "latency": {**part, "by_length": {"short": part, "long": part}},
        "batch": part,
        "throughput": {"texts_per_second": 1000 / latency},
        "disk_bytes": 10_000_000,
        "peak_memory_bytes": 500_000_000,
        "training": {"time": None},
        "compute": {"device": "cpu", "precision": "fp32", "threads": 2},
        "machine": {"processor": "P", "cores": 2, "memory_bytes": 8_000_000_000},
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Tables]:
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evaluation_data.write_inputs()
        truth = evaluation_data.read_truth()
        evaluation_data.report(Path("evaluation"), truth)
        evaluation_data.write_further_tables(Path("evaluation"), truth, "a text")
        measured = {"tfidf": cost("tfidf", 1.0), "net": cost("net", 8.0)}
        prices = PricesParams(cpu_hour=0.1, gpu_hour=0.6)
        options = read_options(Path("evaluation"), paths.RULES, measured, prices)
        pairs = read_pairs(truth, paths.PREDICTIONS, paths.RULES, ["tfidf", "net"], evaluation_data.RESAMPLES)
        cases = {name: UseCase.model_validate(keys) for name, keys in CASES.items()}
        return study(options, pairs, cases, measured), read_tables(Path("evaluation"), paths.RULES, synthetic=False)


def test_the_same_measurements_give_the_same_bytes(made: tuple[Study, Tables], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_folder(tmp_path / name, made[0])
    files = {file.name for file in (tmp_path / "a").iterdir()}
    assert files == {"recommendation.json", "costs.csv", "front_p50_ms.png", "front_euros_per_million.png"}
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_the_table_has_every_row_with_costs_scores_and_dominators(made: tuple[Study, Tables], tmp_path: Path) -> None:
    write_folder(tmp_path, made[0])
    lines = {line["row"]: line for line in read_csv(tmp_path / "costs.csv")}
    assert list(lines) == ["tfidf", "tfidf-adjusted", "net", "net-adjusted", "ensemble-adjusted"]
    assert float(lines["net"]["euros_per_million"]) == pytest.approx(1e6 * 0.008 / 3600 * 0.1, abs=1e-4)
    assert lines["net"]["training_minutes"] == ""
    assert float(lines["ensemble-adjusted"]["p95_ms"]) == 9.0
    fronts = read_json(tmp_path / "recommendation.json")["fronts"]
    dominated = {point["name"]: point["dominated_by"] or "" for point in fronts[0]["points"]}
    assert dominated == {name: line["dominated_by_p50_ms"] for name, line in lines.items()}


def test_document_page_and_memo_have_the_answers(made: tuple[Study, Tables], tmp_path: Path) -> None:
    found, tables = made
    write_folder(tmp_path, found)
    shown = read_recommendation(tmp_path)
    text = markdown(found, synthetic=True, folder="recommendation")
    page, told = render(tables, shown, {}, ["tfidf", "net"]), memo(tables, shown)
    winner = found.answers[0].winner
    assert winner is not None
    assert winner.name in ("tfidf", "tfidf-adjusted")
    assert text.startswith("# Recommendation\n\n**SYNTHETIC")
    none = "size on disk at most 0.001 MB excludes all 5 rows: the nearest is"
    for place in (text, page, told):
        assert none in place
        assert "Binding: p95 latency at most 5 ms. From 8 ms, 1.6 times the limit, net" in place
    assert "A &lt;fast&gt; one." in page
    assert page.count("<article>") == 2
    assert 'aria-label="macro-F1 against p50 latency, test"' in page
    assert "recommendation/front_p50_ms.png" in text
    assert re.search(r"\| net +\| long +\|", text)


def test_without_measurements_one_line_says_how_to_get_them(made: tuple[Study, Tables], tmp_path: Path) -> None:
    write_folder(tmp_path, None)
    shown = read_recommendation(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["recommendation.json"]
    assert markdown(None, synthetic=False, folder="recommendation") == f"# Recommendation\n\n{UNMEASURED}\n"
    page = render(made[1], shown, {}, ["tfidf", "net"])
    assert "set costs.measure in params.yaml to true, then `dvc repro`" in page
    assert "<article>" not in page
    assert UNMEASURED in memo(made[1], shown)
