"""Tests of the report page and the memo, the page in a real browser where there is one."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support import evaluation_data

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.report.memo import memo
from complaints.report.page import cell, render
from complaints.report.recommendation import Recommendation
from complaints.report.svg import Axis, Series, lines, spanning
from complaints.report.tables import Tables, read_tables
from complaints.report.verdict import best_row, difference_text, opening, unfound_classes

ODD = "</script><b>bold</b> & more " * 5
UNMEASURED = Recommendation("Nothing was measured.", [], [], [], [])
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evaluation_data.write_inputs()
        truth = evaluation_data.read_truth()
        evaluation_data.report(Path("evaluation"), truth)
        evaluation_data.write_further_tables(Path("evaluation"), truth, ODD)
        return read_tables(Path("evaluation"), paths.RULES, synthetic=True)


@pytest.fixture(scope="module")
def page(tables: Tables) -> str:
    return render(tables, UNMEASURED, {"net": [(0.0, 0.1), (1.0, 0.2)]}, ["tfidf", "net"])


def test_page_and_memo_are_the_same_each_time(tables: Tables, page: str) -> None:
    assert render(tables, UNMEASURED, {"net": [(0.0, 0.1), (1.0, 0.2)]}, ["tfidf", "net"]) == page
    assert memo(tables, UNMEASURED) == memo(tables, UNMEASURED)


def test_page_loads_nothing_and_escapes_labels(page: str) -> None:
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "<late>" not in page
    assert page.count("<script") == page.count("</script>") == 2
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert data is not None
    assert sorted(json.loads(data[1])["labels"]) == sorted(evaluation_data.LABELS)


def test_errors_and_the_learning_curve_of_the_data_are_shown(page: str) -> None:
    assert "<b>bold" not in page
    assert page.count("&lt;b&gt;bold") == 10
    assert "Likely wrong labels, train" in page
    assert "How much would more data help?" in page
    # Three measured points of two metrics, and the end of each dashed line.
    curve = re.search(r'<svg[^>]*aria-label="How much would more data help\?".*?</svg>', page, re.S)
    assert curve is not None
    assert curve[0].count("<circle") == 2 * 3 + 2 * 2


def test_synthetic_data_are_named(tables: Tables, page: str) -> None:
    real = Tables(tables.lines, tables.rules, synthetic=False)
    assert "SYNTHETIC" in page
    assert "SYNTHETIC" in memo(tables, UNMEASURED)
    assert "SYNTHETIC" not in render(real, UNMEASURED, {}, [])
    assert "SYNTHETIC" not in memo(real, UNMEASURED)


def test_best_row_is_chosen_on_validation(tables: Tables) -> None:
    scores = {line["model"]: float(line["macro_f1"]) for line in tables.of("scoreboard", split="validation")}
    assert scores[best_row(tables)] == max(scores.values())


def test_every_number_of_the_memo_is_in_the_files(tables: Tables) -> None:
    known = {
        f"{abs(float(value)):.3f}"
        for found in tables.lines.values()
        for line in found
        for value in line.values()
        if re.fullmatch(r"-?[0-9.]+(e-?\d+)?", value)
    }
    for rule in tables.rules.values():
        assert rule.fit is not None
        known |= {f"{rule.fit.accuracy:.3f}", f"{rule.fit.macro_f1:.3f}"}
    told = set(re.findall(r"\d\.\d{3}", memo(tables, UNMEASURED))) - {"0.001"}
    assert len(told) > 20
    assert told <= known


def test_sentence_follows_the_verdict(tables: Tables) -> None:
    line = dict(tables.lines["differences"][0]) | {"model": "net", "base": "tfidf-adjusted", "metric": "macro_f1"}
    line |= {"difference": "0.0312", "low": "0.01", "high": "0.05", "p": "0.0001", "mde": "0.03", "needed_rows": "90"}
    assert difference_text(line | {"verdict": "better"}) == (
        "In macro-F1, net is better than tfidf-adjusted: +0.031 (+0.010 to +0.050), p < 0.001."
    )
    unsure = difference_text(line | {"verdict": "cannot tell", "p": "0.2", "needed_rows": "4321"})
    assert "cannot be told from tfidf-adjusted" in unsure
    assert "finds a difference of 0.030 four times in five" in unsure
    assert "about 4,321 test rows" in unsure
    assert "test rows" not in difference_text(line | {"verdict": "cannot tell", "needed_rows": ""})


def test_differences_name_every_other_row_and_both_bases(tables: Tables) -> None:
    rows = set(tables.models) - {"majority"}
    assert tables.bases[0] == "tfidf-adjusted"
    for base in tables.bases:
        assert {line["model"] for line in tables.of("differences", base=base, metric="macro_f1")} == rows - {base}
    for line in tables.lines["differences"]:
        scored = tables.one("scoreboard", model=line["model"], split="test")
        of_base = tables.one("scoreboard", model=line["base"], split="test")
        assert scored is not None
        assert of_base is not None
        expected = float(scored[line["metric"]]) - float(of_base[line["metric"]])
        assert float(line["difference"]) == pytest.approx(expected, abs=2e-6)
        assert float(line["low"]) <= float(line["difference"]) <= float(line["high"])


def test_unfound_classes_are_zero_in_every_row(tables: Tables) -> None:
    for label in unfound_classes(tables):
        found = [line for line in tables.of("per_class", split="test") if line["label"] == label]
        assert all(float(line["f1"]) == 0 and int(line["support"]) for line in found)
    everywhere = {line["label"] for line in tables.of("per_class", split="test") if float(line["f1"])}
    assert not everywhere & set(unfound_classes(tables))


def test_opening_is_about_the_best_row(tables: Tables) -> None:
    paragraphs = opening(tables)
    assert best_row(tables) in paragraphs[1]
    assert "59 test complaints" in paragraphs[0]


def test_missing_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scoreboard\.csv is missing; run `dvc repro`"):
        read_tables(tmp_path, tmp_path, synthetic=False)


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0.12345, "0.123"), (12345, "12,345"), ("a", "a")])
def test_cells(value: str | int | float | None, text: str) -> None:
    assert cell(value) == text


def test_axes_hold_all_values_and_have_round_ticks() -> None:
    generator = np.random.default_rng(3)
    for _ in range(200):
        values = generator.normal(size=4) * 10.0 ** generator.integers(-4, 4)
        axis = spanning("x", values)
        assert axis.low <= values.min()
        assert axis.high >= values.max()
        assert 3 <= len(axis.ticks()) <= 10
        assert all(axis.low <= tick <= axis.high for tick in axis.ticks())
    assert Axis("x", 0, 1, percent=True).text(0.4) == "40%"
    assert spanning("x", [0.5]).ticks()


def test_names_in_charts_are_escaped() -> None:
    svg = lines("a <b>", Axis("x", 0, 1), Axis("y & z", 0, 1), [Series("<i>", [(0, 0), (1, 1)], 0)])
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert "y &amp; z" in svg


SCRIPT = """<script>
const table = document.getElementById("class-table"), heads = table.tHead.rows[0].cells;
const column = index => [...table.tBodies[0].rows].map(row => row.cells[index].textContent);
const result = {before: column(0)};
heads[2].firstElementChild.click(); result.down = column(2); result.sort = heads[2].getAttribute("aria-sort");
heads[2].firstElementChild.click(); result.up = column(2);
const filter = document.getElementById("filter");
filter.value = "PROBLEM"; filter.dispatchEvent(new Event("input")); result.filtered = column(0);
filter.value = ""; filter.dispatchEvent(new Event("input"));
const zeros = document.getElementById("zeros");
zeros.click(); result.zeros = column(0); zeros.click();
const model = document.getElementById("model");
result.scores = [...model.options].map(option => { model.value = option.value; model.dispatchEvent(new Event("change"));
  return [option.value, column(4)]; });
result.wide = document.documentElement.scrollWidth - innerWidth; result.inner = innerWidth;
const shown = document.createElement("pre"); shown.id = "result"; shown.textContent = JSON.stringify(result);
document.body.append(shown);
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [390, 1440])
def test_page_works_in_a_browser(width: int, page: str, tables: Tables, tmp_path: Path) -> None:
    # A window of a headless browser has a least width of its own; a frame has none, and shares its origin by srcdoc.
    inner = html.escape(page.replace("</body>", SCRIPT + "</body>"))
    file = tmp_path / "frame.html"
    file.write_text(
        f'<!doctype html><iframe id="f" style="border:0;width:{width}px;height:900px" srcdoc="{inner}"></iframe>'
        '<pre id="shown"></pre><script>document.getElementById("f").addEventListener("load", event => {'
        'const inner = event.target.contentDocument.getElementById("result");'
        'document.getElementById("shown").textContent = inner.textContent;'
        "});</script>",
        encoding="utf-8",
    )
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--window-size=1600,1000", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr
    text = re.search(r'<pre id="shown">(.*?)</pre>', done.stdout, re.S)
    assert text is not None, done.stdout[-2000:]
    result = json.loads(html.unescape(text[1]))
    assert result["inner"] == width
    counts = sorted(evaluation_data.COUNTS["train"])
    assert result["sort"] == "descending"
    assert [int(value) for value in result["down"]] == counts[::-1]
    assert [int(value) for value in result["up"]] == counts
    assert result["filtered"] == [evaluation_data.LABELS[2]]
    assert result["wide"] <= 0
    best = {line["label"]: line for line in tables.of("per_class", split="test", model=best_row(tables))}
    assert set(result["zeros"]) == {
        name for name, line in best.items() if float(line["f1"]) == 0 and int(line["support"])
    }
    assert [name for name, _ in result["scores"]] == [name for name in tables.models if name != "majority"]
    shown = {name: sorted(values) for name, values in result["scores"]}
    for name, values in shown.items():
        lines_of = tables.of("per_class", split="test", model=name)
        assert values == sorted(f"{float(line['f1']):.3f}" for line in lines_of)


def test_differences_csv_has_holm_corrected_values(tables: Tables) -> None:
    families: dict[tuple[str, str], list[float]] = {}
    for line in tables.lines["differences"]:
        families.setdefault((line["base"], line["metric"]), []).append(float(line["p"]))
        assert (line["verdict"] != "cannot tell") == (float(line["p"]) < 0.05)
    assert all(0 <= p <= 1 for family in families.values() for p in family)
